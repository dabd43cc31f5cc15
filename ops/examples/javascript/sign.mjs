#!/usr/bin/env node
// Signs a rollup's next batch and prints it as POST /v1/batches takes it.
//
//   node sign.mjs --url http://127.0.0.1:8080 --key rollup.key batch.json > signed.json
//
// batch.json: {"rollup": 1, "new_root": "0x…", "transfers": [{"to": 2, "asset": 1, "amount": "0.5", "recipient": "0x…"}],
// "exits": [{"asset": 1, "amount": "0.1", "recipient": "0x…"}]}. With --post it is posted, and the answer is printed.
// NETFOLD_API_KEY is sent along, where the api asks for a key.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { atomsOf, batchDigest, bytesOf, exitLeaf, exitRoot, lanesOf, publicKey, sign } from "./netfold.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string", default: "http://127.0.0.1:8080" },
    key: { type: "string" },
    post: { type: "boolean", default: false },
  },
});
if (!values.key || positionals.length !== 1) {
  console.error("usage: sign.mjs [--url URL] --key FILE [--post] batch.json");
  process.exit(2);
}

const apiKey = process.env.NETFOLD_API_KEY;
const authorization = apiKey ? { authorization: `Bearer ${apiKey}` } : {};

async function ask(path, { headers, ...options } = {}) {
  const answer = await fetch(values.url + path, { ...options, headers: { ...headers, ...authorization } });
  const body = await answer.json();
  if (answer.ok) return body;
  console.error(`${path}: ${answer.status} ${body.code}: ${body.detail}`);
  process.exit(1);
}

async function all(path) {
  const items = [];
  let cursor;
  do {
    const page = await ask(`${path}&limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

const seed = bytesOf("0x" + readFileSync(values.key, "utf8").trim());
const wanted = JSON.parse(readFileSync(positionals[0], "utf8"));
const domain = await ask("/v1/domain");
const rollup = await ask(`/v1/rollups/${wanted.rollup}`);
if (JSON.stringify(rollup.key) !== JSON.stringify(publicKey(seed))) {
  console.error(`rollup ${wanted.rollup} is registered with another key`);
  process.exit(1);
}
const assets = (await ask("/v1/assets")).items;
const decimals = (asset) => assets.find((one) => one.asset === asset)?.ledger_decimals ?? 0;
const withAtoms = (moves) => moves.map((move) => ({ ...move, atoms: atomsOf(move.amount, decimals(move.asset)) }));

const transfers = withAtoms(wanted.transfers ?? []);
const exits = withAtoms(wanted.exits ?? []);
const lanes = lanesOf(transfers, exits);
// Exits come newest first; the tree has them in order, and these after them. Evicted ones are no part of it.
const standing = (await all(`/v1/exits?rollup=${wanted.rollup}`)).filter((exit) => exit.reversed_by === undefined);
const leaves = standing.reverse().map((exit) => exitLeaf({
  rollup: wanted.rollup, index: exit.index, asset: exit.asset, recipient: exit.recipient, atoms: BigInt(exit.atoms),
}));
leaves.push(...exits.map((exit, nth) => exitLeaf({ ...exit, rollup: wanted.rollup, index: rollup.exits + nth })));

const batch = {
  rollup: wanted.rollup,
  height: rollup.next_height,
  previous_root: rollup.root,
  new_root: wanted.new_root,
  exit_root: exitRoot(leaves),
  transfers,
  exits,
  lanes,
};
const signature = sign(seed, batchDigest(domain.domain_word, batch));

// As it goes over the wire: amounts as people write them.
const unit = (asset, atoms) => {
  const digits = atoms.toString().padStart(decimals(asset) + 1, "0");
  const fraction = digits.slice(digits.length - decimals(asset)).replace(/0+$/, "");
  return digits.slice(0, digits.length - decimals(asset)) + (fraction ? `.${fraction}` : "");
};
const signed = {
  ...batch,
  transfers: transfers.map(({ atoms, ...transfer }) => transfer),
  exits: exits.map(({ atoms, ...exit }) => exit),
  lanes: lanes.map(({ asset, destination, atoms }) => ({ asset, destination, amount: unit(asset, atoms) })),
  signature,
};
if (values.post) {
  const headers = { "content-type": "application/json" };
  const answer = await ask("/v1/batches", { method: "POST", headers, body: JSON.stringify(signed) });
  console.log(JSON.stringify(answer, null, 2));
} else {
  console.log(JSON.stringify(signed, null, 2));
}
