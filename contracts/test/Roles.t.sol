// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Keys} from "./base/Keys.sol";
import {SettlementTest} from "./base/SettlementTest.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";

/// @dev The owner registers, names settler and guardian and lifts a pause; the guardian can only pause.
contract RolesTest is SettlementTest {
    function test_pause_byGuardianAndByOwner() public {
        vm.expectEmit(address(settlement));
        emit Pausable.Paused(GUARDIAN);
        vm.prank(GUARDIAN);
        settlement.pause();
        vm.assertTrue(settlement.paused(), "paused");
        vm.expectRevert(refusal(Pausable.EnforcedPause.selector));
        vm.prank(OWNER);
        settlement.pause();
        vm.prank(OWNER);
        settlement.unpause();
        vm.assertFalse(settlement.paused(), "paused");
        vm.expectRevert(refusal(Pausable.ExpectedPause.selector));
        vm.prank(OWNER);
        settlement.unpause();
        vm.prank(OWNER);
        settlement.pause();
        vm.assertTrue(settlement.paused(), "paused");
    }

    function testFuzz_pause_byNobodyElse(address caller) public {
        vm.assume(caller != GUARDIAN && caller != OWNER);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.CallerMayNotPause.selector, caller));
        vm.prank(caller);
        settlement.pause();
    }

    function test_guardian_canOnlyPause() public {
        bytes memory reason =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN);
        vm.startPrank(GUARDIAN);
        settlement.pause();
        vm.expectRevert(reason);
        settlement.unpause();
        vm.expectRevert(reason);
        settlement.setGuardian(ALICE);
        vm.expectRevert(reason);
        settlement.setSettler(GUARDIAN);
        vm.expectRevert(reason);
        settlement.registerRollup(0, 1);
        vm.expectRevert(reason);
        settlement.registerAsset(ETHER, 18, 18);
        vm.expectRevert(reason);
        settlement.transferOwnership(GUARDIAN);
        vm.expectRevert(reason);
        settlement.renounceOwnership();
        vm.stopPrank();
    }

    function test_setGuardian_replacesOrRemoves() public {
        vm.assertEq(settlement.guardian(), GUARDIAN, "guardian");
        vm.expectEmit(address(settlement));
        emit ISettlement.GuardianChanged(ALICE);
        vm.prank(OWNER);
        settlement.setGuardian(ALICE);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.CallerMayNotPause.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        settlement.pause();
        vm.prank(ALICE);
        settlement.pause();
        vm.prank(OWNER);
        settlement.setGuardian(address(0));
        vm.assertEq(settlement.guardian(), address(0), "none");
    }

    function test_ownership_movesInTwoSteps() public {
        vm.prank(OWNER);
        settlement.transferOwnership(ALICE);
        vm.assertEq(settlement.owner(), OWNER, "not yet");
        vm.prank(ALICE);
        settlement.acceptOwnership();
        vm.assertEq(settlement.owner(), ALICE, "accepted");
    }

    function test_ownership_cannotBeRenounced() public {
        vm.expectRevert(refusal(ISettlement.OwnershipNotRenounceable.selector));
        vm.prank(OWNER);
        settlement.renounceOwnership();
        vm.assertEq(settlement.owner(), OWNER, "owner");
    }

    /// @dev As in production: a rollup is registered only after the announced delay.
    function test_timelock_registersAfterItsDelayOnly() public {
        address[] memory operators = new address[](1);
        operators[0] = ALICE;
        TimelockController timelock =
            new TimelockController(2 days, operators, operators, address(0));
        vm.prank(OWNER);
        settlement.transferOwnership(address(timelock));

        schedule(timelock, abi.encodeCall(settlement.acceptOwnership, ()));
        bytes memory registration =
            abi.encodeCall(settlement.registerRollup, (Keys.key(4).x, Keys.key(4).y));
        schedule(timelock, registration);
        vm.expectRevert();
        vm.prank(ALICE);
        timelock.execute(address(settlement), 0, registration, 0, 0);

        vm.warp(block.timestamp + 2 days);
        vm.startPrank(ALICE);
        bytes memory acceptance = abi.encodeCall(settlement.acceptOwnership, ());
        timelock.execute(address(settlement), 0, acceptance, 0, 0);
        timelock.execute(address(settlement), 0, registration, 0, 0);
        vm.stopPrank();
        vm.assertEq(settlement.rollupCount(), 4, "registered");
    }

    function schedule(TimelockController timelock, bytes memory data) private {
        vm.prank(ALICE);
        timelock.schedule(address(settlement), 0, data, 0, 0, 2 days);
    }
}
