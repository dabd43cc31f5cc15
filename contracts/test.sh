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
# What is tested by itself, and not through what is deployed, is compiled as that is.
libraries='test/{Curve,DomainWord,Multilinear,Scalar,Statement,StepOutput,Transcript}.t.sol'
echo "== tests of the libraries"
FOUNDRY_PROFILE=default "$forge" test --summary --match-path "$libraries"
export FOUNDRY_PROFILE=tests
echo "== tests of the contracts"
"$forge" test --summary --no-match-path "$libraries"
echo "== gas"
"$forge" snapshot --match-contract GasTest --check .gas-snapshot
