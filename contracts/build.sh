#!/usr/bin/env bash
# Builds the contracts and writes abi/NAME.json: the ABI and the creation bytecode, which cargo reads
# so that building in Rust needs no Node. With --check nothing is written; it fails if what is
# committed differs from what the sources give.
set -euo pipefail
cd "$(dirname "$0")"

mode=write
case "${1:-}" in
    "") ;;
    --check) mode=check ;;
    *) echo "usage: build.sh [--check]" >&2; exit 2 ;;
esac
source ./tools.sh

# A clean build of src/ and script/ alone, in folders of its own: the bytes depend on the sources and
# the settings only, never on which tests are there or on what was built before.
export FOUNDRY_PROFILE=default FOUNDRY_OUT=out/release FOUNDRY_CACHE_PATH=cache/release
rm -rf "$FOUNDRY_OUT" "$FOUNDRY_CACHE_PATH"
"$forge" build --skip test --force --quiet

mkdir -p abi
node - "$mode" "$FOUNDRY_OUT" <<'JS'
"use strict";
const fs = require("fs");
const [mode, out] = process.argv.slice(2);
let differing = 0;
for (const name of ["Settlement", "EpochVerifier", "DevelopmentToken"]) {
  const built = JSON.parse(fs.readFileSync(`${out}/${name}.sol/${name}.json`, "utf8"));
  const bytecode = built.bytecode.object;
  if (!/^0x([0-9a-f]{2})+$/.test(bytecode)) throw new Error(`${name}: unlinked or empty bytecode`);
  const text = JSON.stringify({ abi: built.abi, bytecode }, null, 1) + "\n";
  const path = `abi/${name}.json`;
  if (mode === "write") {
    fs.writeFileSync(path, text);
    console.log(`wrote ${path}: ${(bytecode.length - 2) / 2} bytes of creation code`);
  } else if (!fs.existsSync(path) || fs.readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not what the sources give: run contracts/build.sh and commit it`);
    differing += 1;
  } else {
    console.log(`${path} is up to date`);
  }
}
process.exit(differing === 0 ? 0 : 1);
JS
