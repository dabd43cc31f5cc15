// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./base/SettlementTest.sol";
import {Steps} from "./base/Steps.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Settlement} from "src/Settlement.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev One account settles; when it has not for the grace, everybody may until it does, whatever any
/// role has done meanwhile. The test itself is the settler.
contract SettlerTest is SettlementTest {
    /// @dev From then on everybody may settle the first epoch.
    uint256 private _openAt;

    function setUp() public override {
        super.setUp();
        _openAt = settlement.openToAllAt();
    }

    function test_constructor_keepsSettlerAndGrace() public {
        vm.warp(1_000_000);
        vm.expectEmit();
        emit ISettlement.SettlerChanged(address(this));
        Settlement other = newSettlement(OWNER, DOMAIN, verifier, GENESIS);
        vm.assertEq(other.settler(), address(this), "settler");
        vm.assertEq(other.settlerGrace(), 7 days, "grace");
        vm.assertEq(other.openToAllAt(), 1_000_000 + 7 days, "from the deployment on");
    }

    /// @dev Neither a moment nor for ever.
    function testFuzz_constructor_boundsTheGrace(uint64 grace) public {
        if (grace < 1 hours || grace > 30 days) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ISettlement.SettlerGraceOutOfRange.selector, grace, 1 hours, 30 days
                )
            );
        }
        deploy(BOB, grace);
    }

    function test_constructor_graceAtTheEdges() public {
        testFuzz_constructor_boundsTheGrace(1 hours - 1);
        testFuzz_constructor_boundsTheGrace(1 hours);
        testFuzz_constructor_boundsTheGrace(30 days);
        testFuzz_constructor_boundsTheGrace(30 days + 1);
    }

    function test_constructor_refusesNoSettler() public {
        vm.expectRevert(refusal(ISettlement.SettlerIsZero.selector));
        deploy(address(0), GRACE);
    }

    function deploy(address settler, uint64 grace) private {
        committed("Settlement", abi.encode(OWNER, DOMAIN, verifier, GENESIS, settler, grace));
    }

    // --- Who may settle ---------------------------------------------------------------------

    /// @dev Until the grace is over nobody else may, not even the owner.
    function testFuzz_settle_refusesOthersWithinTheGrace(address caller, uint256 time) public {
        vm.assume(caller != address(this));
        vm.warp(bound(time, _openAt - GRACE, _openAt - 1));
        checkSettlerOnly(caller);
        checkSettlerOnly(OWNER);
        settleEpoch();
    }

    function testFuzz_settle_takesAnybodyAfterTheGrace(address caller, uint256 time) public {
        vm.warp(bound(time, _openAt, _openAt + 1000 days));
        settleAs(caller);
    }

    /// @dev Whenever the settler settles, they have the whole grace again.
    function testFuzz_settle_startsTheGraceAnew(address stranger, uint256 time) public {
        vm.assume(stranger != address(this));
        time = bound(time, _openAt - GRACE, _openAt + 1000 days);
        vm.warp(time);
        settleEpoch();
        vm.assertEq(settlement.openToAllAt(), time + GRACE, "anew");
        checkSettlerOnly(stranger);
        vm.warp(time + GRACE - 1);
        checkSettlerOnly(stranger);
        settleEpoch();
        vm.assertEq(settlement.openToAllAt(), time + 2 * GRACE - 1, "anew");
    }

    /// @dev EXIT_OPEN: whatever others settle, epochs without any emission included, the way stays
    /// open to all, until the settler settles.
    function testFuzz_settle_strangersDoNotShutTheWay(
        address[3] memory strangers,
        uint256[3] memory times,
        uint8 emissions
    ) public {
        uint256 time = _openAt;
        for (uint256 i = 0; i < 3; ++i) {
            vm.assume(strangers[i] != address(this));
            time = bound(times[i], time, time + 1000 days);
            vm.warp(time);
            if (emissions >> i & 1 == 1) emitRollup(A, uint64(i), bytes32(i));
            settleAs(strangers[i]);
            vm.assertEq(settlement.openToAllAt(), _openAt, "as it was");
            settleAs(BOB);
            vm.assertEq(settlement.openToAllAt(), _openAt, "as it was");
        }
        settleEpoch();
        vm.assertEq(settlement.openToAllAt(), time + GRACE, "anew");
        checkSettlerOnly(BOB);
    }

    /// @dev It is the settler of now: one who was named before is a stranger.
    function test_settle_aFormerSettlersStartsNothingAnew() public {
        vm.warp(_openAt);
        vm.prank(OWNER);
        settlement.setSettler(BOB);
        settleAs(address(this));
        vm.assertEq(settlement.openToAllAt(), _openAt, "as it was");
        settleAs(BOB);
        vm.assertEq(settlement.openToAllAt(), _openAt + GRACE, "anew");
    }

    /// @dev A settlement that is refused is none.
    function test_settle_aRefusedOneStartsNothingAnew() public {
        vm.warp(_openAt);
        emitCell(A, ETH, 1, 1, 0);
        checkRefused(abi.encodeWithSelector(ISettlement.DepositsOverclaimed.selector, A, ETH, 0, 1));
        vm.assertEq(settlement.openToAllAt(), _openAt, "as it was");
        settleAs(BOB);
    }

    // --- A running grace is never changed ---------------------------------------------------

    /// @dev WINDOW_FROZEN: another settler, however often and whenever named, moves nothing.
    function testFuzz_setSettler_leavesTheGraceAsItIs(
        address[3] memory next,
        uint256[3] memory times
    ) public {
        uint256 time = _openAt - GRACE;
        for (uint256 i = 0; i < 3; ++i) {
            if (next[i] == address(0)) next[i] = BOB;
            time = bound(times[i], time, _openAt + 10 days);
            vm.warp(time);
            vm.prank(OWNER);
            settlement.setSettler(next[i]);
            vm.assertEq(settlement.settler(), next[i], "settler");
            vm.assertEq(settlement.openToAllAt(), _openAt, "as it was");
        }
        vm.warp(_openAt);
        settleAs(ALICE);
    }

    /// @dev WINDOW_FROZEN, EXIT_OPEN: nor do pauses, and the last of them ends with the grace.
    function testFuzz_pause_doesNotOutlastTheGrace(address caller, uint256[2] memory times) public {
        vm.assume(caller != address(this));
        uint256 time = bound(times[0], _openAt - GRACE, _openAt - 1);
        vm.warp(time);
        vm.prank(GUARDIAN);
        settlement.pause();
        checkPaused();
        vm.prank(OWNER);
        settlement.unpause();
        vm.warp(bound(times[1], time, _openAt - 1));
        vm.prank(GUARDIAN);
        settlement.pause();
        checkPaused();
        vm.assertEq(settlement.openToAllAt(), _openAt, "as it was");
        vm.warp(_openAt);
        vm.assertTrue(settlement.paused(), "still paused");
        settleAs(caller);
        settleEpoch();
        // By the settler: the pause holds again until the next grace is over, deposits all the time.
        checkPaused();
        vm.warp(_openAt + GRACE - 1);
        checkPaused();
        vm.warp(_openAt + GRACE);
        settleAs(caller);
    }

    /// @dev EXIT_OPEN: no role can stop the way out, all of them together included.
    function test_settle_noRoleCanCloseTheWayOut() public {
        vm.startPrank(OWNER);
        settlement.setSettler(OWNER);
        settlement.pause();
        settlement.setGuardian(OWNER);
        vm.warp(_openAt);
        settlement.setSettler(ALICE);
        vm.stopPrank();
        settleAs(BOB);
    }

    // --- Naming the settler -----------------------------------------------------------------

    function test_setSettler_replaces() public {
        vm.expectEmit(address(settlement));
        emit ISettlement.SettlerChanged(BOB);
        vm.prank(OWNER);
        settlement.setSettler(BOB);
        checkSettlerOnly(address(this));
        settleAs(BOB);
        vm.expectRevert(refusal(ISettlement.SettlerIsZero.selector));
        vm.prank(OWNER);
        settlement.setSettler(address(0));
    }

    function testFuzz_setSettler_byNobodyElse(address caller) public {
        vm.assume(caller != OWNER);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        settlement.setSettler(caller);
    }

    // --- Helpers ----------------------------------------------------------------------------

    function settleAs(address caller) private {
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        uint64 next = unwrapped() + 1;
        vm.prank(caller);
        settlement.settle(wrapped(next), Steps.pack(steps), BOOKS, proof);
        vm.assertEq(unwrapped(), next, "settled");
        forget();
    }

    function checkSettlerOnly(address caller) private {
        bytes memory reason = abi.encodeWithSelector(
            ISettlement.SettlerOnly.selector, caller, settlement.openToAllAt()
        );
        checkRefusedAs(caller, reason);
    }

    /// @dev Even for the settler.
    function checkPaused() private {
        checkRefusedAs(settlement.settler(), refusal(Pausable.EnforcedPause.selector));
    }

    function checkRefusedAs(address caller, bytes memory reason) private {
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        uint64 before = unwrapped();
        vm.expectRevert(reason);
        vm.prank(caller);
        settlement.settle(wrapped(before + 1), Steps.pack(steps), BOOKS, proof);
        vm.assertEq(unwrapped(), before, "refused");
    }

    function unwrapped() private view returns (uint64) {
        return EpochNumber.unwrap(settlement.epoch());
    }

    function wrapped(uint64 number) private pure returns (EpochNumber) {
        return EpochNumber.wrap(number);
    }
}
