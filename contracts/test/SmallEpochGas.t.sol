// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./base/SettlementTest.sol";
import {Steps} from "./base/Steps.sol";

/// @dev What a small epoch costs beside its proof: one step that emits six rollups and two cells of
/// each. All else is done in `setUp`, so that storage is as cold as in a transaction of its own.
abstract contract SmallEpochGas is SettlementTest {
    address private constant _CALL = address(0x1000);

    function setUp() public virtual override {
        super.setUp();
        register(6, 2);
    }

    function prepare() internal {
        emitDomain(6, 2);
        uint256[90][] memory steps = buildSteps();
        vm.assertEq(steps.length, 1, "steps");
        bytes memory proof = prove(steps);
        vm.etch(
            _CALL, abi.encodeCall(settlement.settle, (nextEpoch(), Steps.pack(steps), BOOKS, proof))
        );
    }

    function checkGas(uint256 limit) internal {
        bytes memory call = _CALL.code;
        uint256 before = gasleft();
        (bool done,) = address(settlement).call(call);
        uint256 used = before - gasleft();
        vm.assertTrue(done, "settled");
        vm.assertLe(used, limit, "gas");
    }
}

contract FirstSmallEpochGasTest is SmallEpochGas {
    function setUp() public override {
        super.setUp();
        prepare();
    }

    function test_gas_settleSmallEpochForTheFirstTime() public {
        checkGas(770_000);
    }
}

contract SmallEpochGasTest is SmallEpochGas {
    function setUp() public override {
        super.setUp();
        emitDomain(6, 2);
        settleEpoch();
        prepare();
    }

    function test_gas_settleSmallEpochAgain() public {
        checkGas(450_000);
    }
}
