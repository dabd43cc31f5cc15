// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Case} from "./base/ProofTest.sol";
import {RealEpoch} from "./base/RealEpoch.sol";
import {Settlement} from "src/Settlement.sol";

/// @dev What verifying costs by number of steps, for the committed `.gas-snapshot`, and what a whole
/// transaction that settles a small epoch does. The calls are made beforehand and kept as code, so
/// that little else is counted.
contract VerifierGasTest is RealEpoch {
    /// @dev The whole transaction, for cells and rollups that were never settled before.
    uint256 private constant SMALL_EPOCH = 1_200_000;
    uint256[4] private _stepCounts = [uint256(1), 3, 8, 32];

    Settlement private _settlement;
    uint256[4] private _fixedGas;

    function setUp() public override {
        super.setUp();
        _settlement = deployFor(caseAt(0)); // All cases open alike.
        for (uint256 i = 0; i < 4; ++i) {
            Case memory c = caseAt(i);
            vm.assertEq(split(c.steps).length, _stepCounts[i], "steps");
            vm.etch(verifyCall(i), encode(c));
            bytes memory call =
                abi.encodeCall(_settlement.settle, (c.epoch, c.steps, BOOKS, c.proof));
            vm.etch(settleCall(i), call);
            _fixedGas[i] = fixedGas(call);
        }
    }

    function test_gas_verify1Step() public {
        checkGas(address(verifier), verifyCall(0), 410_000);
    }

    function test_gas_verify3Steps() public {
        checkGas(address(verifier), verifyCall(1), 445_000);
    }

    function test_gas_verify8Steps() public {
        checkGas(address(verifier), verifyCall(2), 530_000);
    }

    function test_gas_verify32Steps() public {
        checkGas(address(verifier), verifyCall(3), 945_000);
    }

    function test_gas_settleRealEpochOf1Step() public {
        checkTransaction(0, SMALL_EPOCH);
    }

    function test_gas_settleRealEpochOf3Steps() public {
        checkTransaction(1, SMALL_EPOCH);
    }

    function test_gas_settleRealEpochOf8Steps() public {
        checkTransaction(2, SMALL_EPOCH);
    }

    function test_gas_settleRealEpochOf32Steps() public {
        checkTransaction(3, 1_400_000);
    }

    /// @dev With the transaction's base fee and its calldata (EIP-2028).
    function checkTransaction(uint256 i, uint256 limit) private {
        checkGas(address(_settlement), settleCall(i), limit - _fixedGas[i]);
    }

    function fixedGas(bytes memory input) private pure returns (uint256 sum) {
        sum = 21_000;
        for (uint256 i = 0; i < input.length; ++i) {
            sum += input[i] == 0 ? 4 : 16;
        }
    }

    function checkGas(address target, address call, uint256 limit) private {
        bytes memory input = call.code;
        uint256 before = gasleft();
        (bool done,) = target.call(input);
        uint256 used = before - gasleft();
        vm.assertTrue(done, "done");
        vm.assertLe(used, limit, "gas");
    }

    function verifyCall(uint256 i) private pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    function settleCall(uint256 i) private pure returns (address) {
        return address(uint160(0x2000 + i));
    }
}
