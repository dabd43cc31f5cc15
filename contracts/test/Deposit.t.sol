// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Reenterer} from "./base/Recipients.sol";
import {SettlementTest} from "./base/SettlementTest.sol";
import {
    BonusToken,
    FeeToken,
    HookToken,
    MoodyToken,
    PlainToken,
    SilentToken
} from "./base/Tokens.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Settlement} from "src/Settlement.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev A deposit books exactly what came in, in whole ledger units, or nothing happens.
contract DepositTest is SettlementTest {
    function testFuzz_deposit_ether(uint96 atoms) public {
        vm.assume(atoms != 0);
        uint256 amount = uint256(atoms) * ETHER_UNIT;
        vm.deal(ALICE, amount);
        vm.expectEmit(address(settlement));
        emit ISettlement.Deposited(B, ETH, ALICE, atoms);
        vm.prank(ALICE);
        settlement.deposit{value: amount}(B, ETH, amount);
        checkCell(B, ETH, atoms);
        vm.assertEq(address(settlement).balance, amount, "held");
        vm.assertEq(settlement.custody(ETH), atoms, "custody");
        checkCell(A, ETH, 0);
        checkCell(B, USD, 0);
    }

    function testFuzz_deposit_token(uint96 atoms) public {
        vm.assume(atoms != 0);
        depositToken(C, atoms);
        checkCell(C, USD, atoms);
        vm.assertEq(token.balanceOf(address(settlement)), atoms, "held");
        vm.assertEq(settlement.custody(USD), atoms, "custody");
    }

    function testFuzz_deposit_addsUp(uint96 first, uint96 second) public {
        first = uint96(bound(first, 1, 2 ** 95));
        second = uint96(bound(second, 1, 2 ** 95 - 1));
        depositToken(A, first);
        depositToken(A, second);
        checkCell(A, USD, uint256(first) + second);
    }

    function testFuzz_deposit_refusesPartsOfALedgerUnit(uint256 amount) public {
        amount = bound(amount, 1, 2 ** 96 * ETHER_UNIT);
        if (amount % ETHER_UNIT == 0) --amount;
        vm.deal(ALICE, amount);
        checkRefusedDeposit(
            A,
            ETH,
            amount,
            amount,
            abi.encodeWithSelector(ISettlement.NotWholeLedgerUnits.selector, amount, ETHER_UNIT)
        );
    }

    function test_deposit_refusesNothing() public {
        checkRefusedDeposit(A, ETH, 0, 0, refusal(ISettlement.DepositIsZero.selector));
        checkRefusedDeposit(A, USD, 0, 0, refusal(ISettlement.DepositIsZero.selector));
    }

    function test_deposit_refusesUnknownIds() public {
        vm.deal(ALICE, 10 ether);
        checkRefusedDeposit(RollupId.wrap(0), ETH, 1e9, 1e9, unknownRollup(0));
        checkRefusedDeposit(RollupId.wrap(4), ETH, 1e9, 1e9, unknownRollup(4));
        checkRefusedDeposit(A, AssetId.wrap(0), 1e9, 1e9, unknownAsset(0));
        checkRefusedDeposit(A, AssetId.wrap(3), 1e9, 1e9, unknownAsset(3));
    }

    function test_deposit_refusesOtherEtherThanStated() public {
        vm.deal(ALICE, 10 ether);
        bytes4 reason = ISettlement.EtherAmountDiffers.selector;
        checkRefusedDeposit(A, ETH, 2e9, 1e9, abi.encodeWithSelector(reason, 2e9, 1e9));
        checkRefusedDeposit(A, ETH, 1e9, 2e9, abi.encodeWithSelector(reason, 1e9, 2e9));
        checkRefusedDeposit(A, ETH, 0, 1e9, abi.encodeWithSelector(reason, 0, 1e9));
        checkRefusedDeposit(A, USD, 5, 5, abi.encodeWithSelector(reason, 0, 5));
    }

    function test_deposit_refusesCustodyPastTheLimit() public {
        depositToken(A, uint96(ATOMS_LIMIT));
        token.mint(ALICE, 1);
        vm.prank(ALICE);
        token.approve(address(settlement), 1);
        checkRefusedDeposit(
            B,
            USD,
            1,
            0,
            abi.encodeWithSelector(ISettlement.CustodyLimitExceeded.selector, USD, ATOMS_LIMIT, 1)
        );
    }

    function test_deposit_refusesOneDepositPastTheLimit() public {
        uint256 amount = (ATOMS_LIMIT + 1) * ETHER_UNIT;
        vm.deal(ALICE, amount);
        checkRefusedDeposit(
            A,
            ETH,
            amount,
            amount,
            abi.encodeWithSelector(
                ISettlement.CustodyLimitExceeded.selector, ETH, 0, ATOMS_LIMIT + 1
            )
        );
        // The largest amount of all: nothing wraps.
        checkRefusedDeposit(
            A,
            USD,
            type(uint256).max,
            0,
            abi.encodeWithSelector(
                ISettlement.CustodyLimitExceeded.selector, USD, 0, type(uint256).max
            )
        );
    }

    function test_deposit_refusedWhilePaused() public {
        vm.prank(GUARDIAN);
        settlement.pause();
        vm.deal(ALICE, 1e9);
        checkRefusedDeposit(A, ETH, 1e9, 1e9, refusal(Pausable.EnforcedPause.selector));
        vm.prank(OWNER);
        settlement.unpause();
        depositEther(A, 1);
    }

    // --- Tokens that are not as they should be ----------------------------------------------

    function test_deposit_refusesATokenThatKeepsAFee() public {
        PlainToken fee = new FeeToken();
        AssetId id = registerAndApprove(fee, 100);
        checkRefusedDeposit(
            A,
            id,
            100,
            0,
            abi.encodeWithSelector(ISettlement.DepositIncomplete.selector, fee, 100, 99)
        );
    }

    function test_deposit_refusesATokenThatAddsABonus() public {
        PlainToken bonus = new BonusToken();
        AssetId id = registerAndApprove(bonus, 100);
        checkRefusedDeposit(
            A,
            id,
            100,
            0,
            abi.encodeWithSelector(ISettlement.DepositIncomplete.selector, bonus, 100, 101)
        );
    }

    function test_deposit_refusesATokenThatReturnsFalse() public {
        token.mint(ALICE, 5);
        vm.prank(ALICE);
        token.approve(address(settlement), 5);
        token.setMood(MoodyToken.Mood.ReturnsFalse);
        checkRefusedDeposit(
            A, USD, 5, 0, abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token)
        );
    }

    function test_deposit_refusesWithoutApproval() public {
        token.mint(ALICE, 5);
        vm.expectRevert();
        vm.prank(ALICE);
        settlement.deposit(A, USD, 5);
        checkCell(A, USD, 0);
    }

    function test_deposit_takesATokenThatReturnsNothing() public {
        SilentToken silent = new SilentToken();
        vm.prank(OWNER);
        AssetId id = settlement.registerAsset(address(silent), 6, 2);
        silent.mint(ALICE, 3e4);
        vm.startPrank(ALICE);
        silent.approve(address(settlement), 3e4);
        settlement.deposit(A, id, 3e4);
        vm.stopPrank();
        checkCell(A, id, 3);
    }

    function test_deposit_countsOnlyWhatItBroughtItself() public {
        token.mint(address(settlement), 1000); // Sent here by mistake: nobody's.
        depositToken(A, 5);
        checkCell(A, USD, 5);
        vm.assertEq(settlement.custody(USD), 5, "custody");
    }

    /// @dev The classic trick: deposit again in the middle of a deposit, so that one inflow counts
    /// twice.
    function test_deposit_cannotBeReentered() public {
        HookToken hooked = new HookToken();
        Reenterer thief = new Reenterer();
        AssetId id = registerAndApprove(hooked, 0);
        hooked.mint(address(thief), 100);
        hooked.hook(address(thief));
        bytes memory inner = abi.encodeCall(settlement.deposit, (A, id, 50));
        thief.prepare(address(settlement), inner, false);
        thief.callOther(address(hooked), abi.encodeCall(hooked.approve, (address(settlement), 100)));
        thief.run(inner, 0);
        vm.assertEq(thief.succeeded(), 0, "reentered");
        vm.assertEq(thief.failed(), 1, "tried");
        vm.assertEq(
            bytes32(thief.lastReason()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "by the guard"
        );
        checkCell(A, id, 50);
        vm.assertEq(hooked.balanceOf(address(settlement)), 50, "held");
    }

    // --- Helpers ----------------------------------------------------------------------------

    function registerAndApprove(PlainToken t, uint256 amount) private returns (AssetId id) {
        vm.prank(OWNER);
        id = settlement.registerAsset(address(t), 6, 6);
        t.mint(ALICE, amount);
        vm.prank(ALICE);
        t.approve(address(settlement), amount);
    }

    function checkRefusedDeposit(
        RollupId rollup,
        AssetId asset,
        uint256 amount,
        uint256 value,
        bytes memory reason
    ) private {
        uint256 held = address(settlement).balance;
        vm.expectRevert(reason);
        vm.prank(ALICE);
        settlement.deposit{value: value}(rollup, asset, amount);
        vm.assertEq(address(settlement).balance, held, "held");
    }

    function checkCell(RollupId rollup, AssetId asset, uint256 total) private view {
        (uint96 balance, uint128 depositedTotal, uint128 depositedSettled,) =
            settlement.cell(rollup, asset);
        vm.assertEq(depositedTotal, total, "deposited");
        vm.assertEq(balance, 0, "a balance moves only when an epoch settles");
        vm.assertEq(depositedSettled, 0, "settled");
    }
}
