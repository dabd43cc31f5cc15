#!/usr/bin/env bash
# Everything that is checked about the contracts: format, lints, committed artefacts, tests, gas.
set -euo pipefail
cd "$(dirname "$0")"
source ./tools.sh

echo "== format"
"$forge" fmt --check
echo "== lints"
# In folders of its own: it compiles without bytecode, and the tests would find none.
FOUNDRY_OUT=out/lint FOUNDRY_CACHE_PATH=cache/lint "$forge" lint
echo "== artefacts"
./build.sh --check
export FOUNDRY_PROFILE=tests
echo "== tests"
"$forge" test --summary
echo "== gas"
"$forge" snapshot --match-contract GasTest --check .gas-snapshot --tolerance 1
