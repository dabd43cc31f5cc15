// Posts a signed batch and reads it back, by a client that openapi-typescript generates from the API's own document.
//
//   npm ci && npm run generate && npm run build
//   node ../javascript/sign.mjs --key rollup.key batch.json > signed.json
//   node generated/post.js signed.json
//
// NETFOLD_URL names the api, NETFOLD_API_KEY a key for it, where it asks for one.
import { readFileSync } from "node:fs";
import { env, exit, argv } from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/netfold.js";

type Problem = components["schemas"]["Problem"];

const file = argv[2];
if (!file) {
  console.error("usage: post.js signed.json");
  exit(2);
}
const key = env["NETFOLD_API_KEY"];
const netfold = createClient<paths>({
  baseUrl: env["NETFOLD_URL"] ?? "http://127.0.0.1:8080",
  ...(key ? { headers: { authorization: `Bearer ${key}` } } : {}),
});

// Problems are typed as well: `code` is one of those that the document lists.
function refuse(problem: Problem): never {
  console.error(`${problem.code}: ${problem.detail}`);
  exit(1);
}

const body: components["schemas"]["BatchRequest"] = JSON.parse(readFileSync(file, "utf8"));
const posted = await netfold.POST("/v1/batches", { body });
if (posted.error) refuse(posted.error);

const { rollup, height } = body;
const read = await netfold.GET("/v1/batches/{rollup}/{height}", { params: { path: { rollup, height } } });
if (read.error) refuse(read.error);
console.log(JSON.stringify({ status: posted.response.status, batch: read.data }, null, 2));
