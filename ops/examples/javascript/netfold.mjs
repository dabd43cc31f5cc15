// What a rollup needs to sign batches: the digest that is signed, the lanes, the exit tree. Each function says where its
// rule is defined; the constants are those of the domain crate.
import { createRequire } from "node:module";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { poseidon12 } from "poseidon-lite";

// The package's form with BLAKE2b, for which its ES module is not shipped under the name that it exports.
const { derivePublicKey, signMessage } = createRequire(import.meta.url)("@zk-kit/eddsa-poseidon/blake-2b");

const LANES_PER_BATCH = 8;
const EXIT_TREE_DEPTH = 32;
export const ZERO_ROOT = "0x" + "00".repeat(32);

export const bytesOf = (hex) => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));
export const hexOf = (bytes) => "0x" + Buffer.from(bytes).toString("hex");
const word = (number) => "0x" + number.toString(16).padStart(64, "0");
const bigEndian = (number, bytes) => bytesOf("0x" + BigInt(number).toString(16).padStart(2 * bytes, "0"));
const concat = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

// An amount like "12.5" in atoms: whole numbers of the smallest ledger unit.
export function atomsOf(amount, decimals) {
  const match = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/.exec(amount);
  if (!match) throw new Error(`${amount} is no amount: plain digits, as a string`);
  const fraction = match[2] ?? "";
  if (fraction.length > decimals) throw new Error(`${amount} has more than ${decimals} decimals`);
  return BigInt(match[1] + fraction.padEnd(decimals, "0"));
}

// The totals per (asset, destination), ascending; exits go to destination 0.
export function lanesOf(transfers, exits) {
  const sums = new Map();
  const add = (asset, destination, atoms) => {
    const key = asset * 65536 + destination;
    sums.set(key, (sums.get(key) ?? 0n) + atoms);
  };
  for (const { to, asset, atoms } of transfers) add(asset, to, atoms);
  for (const { asset, atoms } of exits) add(asset, 0, atoms);
  const keys = [...sums.keys()].sort((one, other) => one - other);
  return keys.map((key) => ({ asset: Math.floor(key / 65536), destination: key % 65536, atoms: sums.get(key) }));
}

// Keccak-256 over the list itself, so that the signature covers each transfer and exit.
export function bodyDigest(transfers, exits) {
  const move = ({ asset, atoms, recipient }) =>
    concat(bigEndian(asset, 2), bigEndian(atoms, 12), bytesOf(recipient));
  return keccak_256(concat(
    Buffer.from("netfold.batch.body.v1"),
    bigEndian(transfers.length, 4),
    bigEndian(exits.length, 4),
    ...transfers.map((transfer) => concat(bigEndian(transfer.to, 2), move(transfer))),
    ...exits.map(move),
  ));
}

// acc = tag, then for each 11 words acc = Poseidon(acc, words…), the last ones filled up with zeros.
function chainHash(tag, words) {
  let link = BigInt(hexOf(concat(Buffer.from(tag), bigEndian(words.length, 4))));
  for (let at = 0; at < words.length; at += 11) {
    const chunk = words.slice(at, at + 11);
    link = poseidon12([link, ...chunk, ...Array(11 - chunk.length).fill(0n)]);
  }
  return link;
}

// The word to sign.
export function batchDigest(domainWord, batch) {
  const halves = (bytes) => [BigInt(hexOf(bytes.slice(0, 16))), BigInt(hexOf(bytes.slice(16)))];
  const lanes = batch.lanes.map(
    ({ asset, destination, atoms }) => atoms + (BigInt(asset) << 96n) + (BigInt(destination) << 112n),
  );
  return chainHash("netfold.batch.v1", [
    BigInt(domainWord),
    BigInt(batch.rollup) + (BigInt(batch.height) << 16n),
    ...halves(bytesOf(batch.previous_root)),
    ...halves(bytesOf(batch.new_root)),
    ...halves(bytesOf(batch.exit_root)),
    ...halves(bodyDigest(batch.transfers, batch.exits)),
    ...lanes,
    ...Array(LANES_PER_BATCH - lanes.length).fill(0n),
  ]);
}

// EdDSA over BabyJubJub with Poseidon, by @zk-kit/eddsa-poseidon.
export function sign(seed, digest) {
  const { R8, S } = signMessage(Buffer.from(seed), digest);
  return { r8x: word(BigInt(R8[0])), r8y: word(BigInt(R8[1])), s: word(BigInt(S)) };
}

export function publicKey(seed) {
  const [x, y] = derivePublicKey(Buffer.from(seed));
  return { x: word(BigInt(x)), y: word(BigInt(y)) };
}

const parent = (one, other) => {
  const [low, high] = hexOf(one) <= hexOf(other) ? [one, other] : [other, one];
  return keccak_256(concat(low, high));
};

// The leaf of an exit: hashed twice, as OpenZeppelin's StandardMerkleTree does.
export function exitLeaf({ rollup, index, asset, recipient, atoms }) {
  const encoded = concat(
    bigEndian(rollup, 32), bigEndian(index, 32), bigEndian(asset, 32), bigEndian(BigInt(recipient), 32),
    bigEndian(atoms, 32),
  );
  return keccak_256(keccak_256(encoded));
}

// The root of a rollup's tree of all its exits since its beginning; empty leaves are zero.
export function exitRoot(leaves) {
  let level = leaves;
  let zero = new Uint8Array(32);
  for (let depth = 0; depth < EXIT_TREE_DEPTH; depth += 1) {
    const next = [];
    for (let at = 0; at < level.length; at += 2) next.push(parent(level[at], level[at + 1] ?? zero));
    level = next;
    zero = parent(zero, zero);
  }
  return hexOf(level[0] ?? zero);
}
