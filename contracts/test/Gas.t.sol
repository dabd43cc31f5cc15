// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimTest} from "./base/ClaimTest.sol";
import {Keys} from "./base/Keys.sol";
import {Steps} from "./base/Steps.sol";
import {PlainToken} from "./base/Tokens.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev What the calls cost, for the committed `.gas-snapshot`; the verifier's own share is a hash
/// (see `VerifierGas.t.sol`). A bound for each, so that a change that makes one much dearer is seen.
contract GasTest is ClaimTest {
    function test_gas_depositEther() public {
        depositEther(A, 5);
        uint256 before = gasleft();
        depositEther(A, 5);
        vm.assertLe(before - gasleft(), 60_000, "second deposit");
    }

    function test_gas_settleOneStep() public {
        checkSettle(1, 100_000);
    }

    function test_gas_settle32Steps() public {
        checkSettle(32, 650_000);
    }

    function test_gas_settle128Steps() public {
        checkSettle(128, 2_700_000);
    }

    /// @dev All 64 cells and 16 rollups for the first time, in the 4 steps that they need.
    function test_gas_settleAWholeDomain() public {
        register(16, 4);
        emitDomain(16, 4);
        uint256[90][] memory steps = buildSteps();
        vm.assertEq(steps.length, 4, "steps");
        checkGas(steps, 4_600_000);
    }

    function checkSettle(uint256 count, uint256 limit) private {
        uint256[90][] memory steps = new uint256[90][](count);
        Steps.finish(steps, nextDigest());
        checkGas(steps, limit);
    }

    function checkGas(uint256[90][] memory steps, uint256 limit) private {
        bytes memory proof = prove(steps);
        bytes memory call =
            abi.encodeCall(settlement.settle, (nextEpoch(), Steps.pack(steps), BOOKS, proof));
        uint256 before = gasleft();
        (bool done,) = address(settlement).call(call);
        uint256 used = before - gasleft();
        vm.assertTrue(done, "settled");
        vm.assertLe(used, limit, "gas");
    }

    function test_gas_claimEther() public {
        exitTo(ETH, ALICE, 1);
        exitTo(ETH, BOB, 1);
        settleExits();
        Claim memory c = claims[0];
        bytes32[] memory path = pathOf(0);
        uint256 before = gasleft();
        settlement.claim(c, path);
        vm.assertLe(before - gasleft(), 120_000, "claim");
    }

    function test_gas_claim50Tokens() public {
        for (uint256 i = 0; i < 50; ++i) {
            exitTo(USD, account(string(abi.encode("recipient", i))), 1);
        }
        settleExits();
        Claim[] memory list = claims;
        bytes32[][] memory all = paths();
        uint256 before = gasleft();
        settlement.claimMany(list, all);
        vm.assertLe(before - gasleft(), 50 * 75_000, "claims");
    }
}
