// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimTest} from "./base/ClaimTest.sol";
import {
    Bookkeeper,
    GasBurner,
    Meter,
    Reenterer,
    Refuser,
    ReturnBomber
} from "./base/Recipients.sol";
import {HookToken, MoodyToken} from "./base/Tokens.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev A payment that fails becomes a credit of its recipient, costs the others nothing, and can
/// be had later; whatever a recipient does, it gets its own money once.
contract CreditTest is ClaimTest {
    Refuser private refuser = new Refuser();

    // --- Recipients that fail ---------------------------------------------------------------

    function test_claim_creditsARecipientThatRefusesEther() public {
        exitTo(ETH, address(refuser), 9);
        settleExits();
        expectPaid(claims[0]);
        vm.expectEmit(address(settlement));
        emit ISettlement.CreditAdded(ETH, address(refuser), 9);
        claim(0);
        checkCredit(ETH, address(refuser), 9);
        vm.assertTrue(settlement.isClaimed(A, 0), "claimed");
        checkAllPaidBut(9, 0);
        checkClaimRefused(claims[0], pathOf(0), alreadyPaid(claims[0]));
    }

    function test_claim_creditsARecipientThatTheTokenRefuses() public {
        exitTo(USD, BOB, 9);
        settleExits();
        token.refuse(BOB, true);
        claim(0);
        checkCredit(USD, BOB, 9);
        checkAllPaidBut(0, 9);
    }

    function test_claim_creditsWhenTheTokenReturnsFalse() public {
        checkTokenMood(MoodyToken.Mood.ReturnsFalse, 200_000);
    }

    function test_claim_creditsWhenTheTokenBurnsItsGas() public {
        checkTokenMood(MoodyToken.Mood.BurnsGas, 450_000);
    }

    function test_claim_creditsWhenTheTokenAnswersWithABomb() public {
        checkTokenMood(MoodyToken.Mood.ReturnsBomb, 450_000);
    }

    function checkTokenMood(MoodyToken.Mood mood, uint256 gasLimit) private {
        exitTo(USD, BOB, 9);
        settleExits();
        token.setMood(mood);
        bytes32[] memory path = pathOf(0);
        Claim memory c = claims[0];
        uint256 before = gasleft();
        settlement.claim(c, path);
        vm.assertLe(before - gasleft(), gasLimit, "gas");
        checkCredit(USD, BOB, 9);
        token.setMood(MoodyToken.Mood.Honest);
        settlement.deliverCredit(USD, BOB);
        vm.assertEq(token.balanceOf(BOB), 9, "delivered");
        checkAllPaidBut(0, 0);
    }

    function test_claim_creditsOnTopOfCredits() public {
        exitTo(ETH, address(refuser), 9);
        exitTo(ETH, address(refuser), 5);
        settleExits();
        claim(0);
        claim(1);
        checkCredit(ETH, address(refuser), 14);
        checkAllPaidBut(14, 0);
    }

    function test_claim_toTheSettlementItselfIsACredit() public {
        exitTo(ETH, address(settlement), 9);
        settleExits();
        claim(0);
        checkCredit(ETH, address(settlement), 9);
    }

    /// @dev New accounts, multisigs and wallets that keep books are paid at once.
    function test_claim_paysContractsThatWriteStorage() public {
        Bookkeeper books = new Bookkeeper();
        exitTo(ETH, address(books), 2);
        exitTo(ETH, account("never seen before"), 3);
        settleExits();
        vm.assertEq(claimAll(), 2, "paid");
        vm.assertEq(books.last(), 2 * ETHER_UNIT, "booked");
        vm.assertEq(account("never seen before").balance, 3 * ETHER_UNIT, "new account");
        checkAllPaidBut(0, 0);
    }

    /// @dev Ten hostile recipients of each kind between two honest ones: both are paid, and the
    /// whole costs no more than ten bounded payments of each kind and a little.
    function test_claimMany_hostileRecipientsHurtOnlyThemselves() public {
        exitTo(ETH, ALICE, 1);
        for (uint256 i = 0; i < 10; ++i) {
            exitTo(ETH, address(new GasBurner()), 1);
            exitTo(ETH, address(new Refuser()), 1);
            exitTo(ETH, address(new ReturnBomber(true, 1_000_000)), 1);
            exitTo(ETH, address(new ReturnBomber(true, 100_000)), 1);
        }
        exitTo(ETH, BOB, 1);
        settleExits();
        uint256 alice = ALICE.balance;
        Claim[] memory list = claims;
        bytes32[][] memory all = paths();
        uint256 before = gasleft();
        settlement.claimMany(list, all);
        uint256 used = before - gasleft();
        vm.assertEq(ALICE.balance - alice, ETHER_UNIT, "alice");
        vm.assertEq(BOB.balance, ETHER_UNIT, "bob");
        checkAllPaidBut(40, 0);
        vm.assertLe(used, 42 * 170_000, "gas");
    }

    /// @dev A bomb that succeeds in the callee must not fail here: the money has moved.
    function test_claim_aLongAnswerIsNeverCopied() public {
        ReturnBomber bomber = new ReturnBomber(false, 50_000);
        exitTo(ETH, address(bomber), 4);
        settleExits();
        bytes32[] memory path = pathOf(0);
        Claim memory c = claims[0];
        uint256 before = gasleft();
        settlement.claim(c, path);
        vm.assertLe(before - gasleft(), 250_000, "gas");
        // Either it was paid or it is owed, never both.
        vm.assertEq(
            address(bomber).balance + settlement.credit(ETH, address(bomber)) * ETHER_UNIT,
            4 * ETHER_UNIT,
            "once"
        );
        checkAllPaidBut(settlement.credit(ETH, address(bomber)), 0);
    }

    /// @dev Whoever claims for another cannot starve the payment of gas to make it a credit: with
    /// any gas limit, either all reverts or the recipient is paid.
    function testFuzz_claim_cannotBeStarvedIntoACredit(uint256 gasLimit) public {
        Bookkeeper books = new Bookkeeper();
        exitTo(ETH, address(books), 4);
        exitTo(USD, BOB, 5);
        settleExits();
        gasLimit = bound(gasLimit, 30_000, 600_000);
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory data = abi.encodeCall(settlement.claim, (claims[i], pathOf(i)));
            (bool done,) = address(settlement).call{gas: gasLimit}(data);
            vm.assertEq(settlement.isClaimed(A, uint32(i)), done, "all or nothing");
        }
        checkCredit(ETH, address(books), 0);
        checkCredit(USD, BOB, 0);
    }

    /// @dev The same at the very edge: with the least gas that a claim succeeds with, the recipient
    /// still gets all of its allowance.
    function test_claim_theLeastGasStillPaysARecipientThatNeedsAllOfIt() public {
        Meter meter = new Meter();
        exitTo(ETH, address(meter), 1);
        exitTo(ETH, address(meter), 1);
        settleExits();
        claim(0);
        meter.demand(meter.seen() - 100);
        bytes memory data = abi.encodeCall(settlement.claim, (claims[1], pathOf(1)));
        (uint256 fails, uint256 works) = (100_000, 400_000);
        while (works - fails > 1) {
            uint256 middle = (fails + works) / 2;
            try this.callAndRevert{gas: 2_000_000}(data, middle) {}
            catch (bytes memory answer) {
                if (abi.decode(answer, (bool))) works = middle;
                else fails = middle;
            }
        }
        (bool done,) = address(settlement).call{gas: works}(data);
        vm.assertTrue(done, "done");
        checkCredit(ETH, address(meter), 0);
        vm.assertEq(address(meter).balance, 2 * ETHER_UNIT, "paid");
    }

    /// @dev Whether a call would succeed with that gas; always takes everything back.
    function callAndRevert(bytes calldata data, uint256 gasLimit) external {
        (bool done,) = address(settlement).call{gas: gasLimit}(data);
        bytes memory answer = abi.encode(done);
        assembly {
            revert(add(answer, 32), mload(answer))
        }
    }

    function test_claim_tooLittleGasSaysSo() public {
        exitTo(ETH, ALICE, 4);
        settleExits();
        bytes memory data = abi.encodeCall(settlement.claim, (claims[0], pathOf(0)));
        (bool done, bytes memory reason) = address(settlement).call{gas: 130_000}(data);
        vm.assertFalse(done, "done");
        vm.assertEq(bytes32(bytes4(reason)), bytes32(ISettlement.GasTooLow.selector), "reason");
    }

    // --- Reentrancy -------------------------------------------------------------------------

    /// @dev A recipient that calls back in, whatever it calls, is refused before anything is looked
    /// at (so the shortest arguments do); it swallows the failure, so its own payment stands.
    function test_claim_everyReentryFailsByTheGuard() public {
        Claim memory c;
        bytes[7] memory attacks = [
            abi.encodeCall(settlement.claim, (c, new bytes32[](0))),
            abi.encodeCall(settlement.claimMany, (new Claim[](0), new bytes32[][](0))),
            abi.encodeCall(settlement.withdrawCredit, (ETH, ALICE)),
            abi.encodeCall(settlement.deliverCredit, (ETH, ALICE)),
            abi.encodeCall(settlement.deposit, (A, USD, 1)),
            abi.encodeCall(settlement.settle, (EpochNumber.wrap(1), new uint256[](0), BOOKS, "")),
            abi.encodeCall(settlement.payOut, (ETHER, ALICE, 1))
        ];
        for (uint256 i = 0; i < attacks.length; ++i) {
            checkReentry(attacks[i], i == 6);
        }
    }

    /// @dev `data` is called from inside an Ether payment of another epoch's exit.
    function checkReentry(bytes memory data, bool bySelfCheck) private {
        Reenterer thief = new Reenterer();
        thief.prepare(address(settlement), data, false);
        delete claims;
        uint32 index = uint32(leaves.length);
        exitTo(ETH, address(thief), 1);
        depositEther(A, 1);
        emitCell(A, ETH, 0, 1, 1);
        emitRollup(A, index + 1, treeRoot());
        claims[0].epoch = nextEpoch();
        settleEpoch();
        settlement.claim(claims[0], pathOf(index));
        vm.assertEq(thief.succeeded(), 0, "reentered");
        vm.assertEq(thief.failed(), 1, "tried");
        bytes4 expected = bySelfCheck
            ? ISettlement.CallerIsNotSelf.selector
            : ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        vm.assertEq(bytes32(thief.lastReason()), bytes32(expected), "reason");
        vm.assertEq(address(thief).balance, ETHER_UNIT, "its own payment stands");
    }

    /// @dev A recipient in the middle of a list cannot make the list fail by claiming what comes
    /// later in it.
    function test_claimMany_aRecipientCannotBreakTheList() public {
        Reenterer thief = new Reenterer();
        exitTo(ETH, address(thief), 1);
        exitTo(ETH, ALICE, 2);
        settleExits();
        bytes memory later = abi.encodeCall(settlement.claim, (claims[1], pathOf(1)));
        thief.prepare(address(settlement), later, true);
        uint256 before = ALICE.balance;
        vm.assertEq(claimAll(), 2, "paid");
        vm.assertEq(ALICE.balance - before, 2 * ETHER_UNIT, "alice");
        checkCredit(ETH, address(thief), 1); // It insisted, so its own payment failed.
        checkAllPaidBut(1, 0);
    }

    function test_withdrawCredit_cannotBeReentered() public {
        Reenterer thief = new Reenterer();
        thief.prepare(address(settlement), "no such function", true);
        exitTo(ETH, address(thief), 1);
        exitTo(ETH, ALICE, 5);
        settleExits();
        claim(0);
        checkCredit(ETH, address(thief), 1);
        // Fails inside (insists on a call that fails), so the credit stays whole.
        bytes memory again = abi.encodeCall(settlement.withdrawCredit, (ETH, address(thief)));
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "insists"));
        thief.run(again, 0);
        checkCredit(ETH, address(thief), 1);

        // Swallows the failure, and gets its own money once.
        thief.prepare(address(settlement), again, false);
        thief.run(again, 0);
        vm.assertEq(thief.succeeded(), 0, "reentered");
        vm.assertEq(address(thief).balance, ETHER_UNIT, "once");
        checkCredit(ETH, address(thief), 0);
        vm.assertEq(settlement.custody(ETH), 5, "alice's");
        vm.assertEq(settlement.creditTotal(ETH), 0, "credits");
    }

    function test_claim_tokenHooksCannotReenter() public {
        HookToken hooked = new HookToken();
        vm.prank(OWNER);
        AssetId id = settlement.registerAsset(address(hooked), 6, 6);
        Reenterer thief = new Reenterer();
        hooked.hook(address(thief));
        exitTo(id, address(thief), 3);
        exitTo(id, ALICE, 4);
        hooked.mint(BOB, 7);
        vm.startPrank(BOB);
        hooked.approve(address(settlement), 7);
        settlement.deposit(A, id, 7);
        vm.stopPrank();
        emitCell(A, id, 0, 7, 7);
        emitRollup(A, 1, treeRoot());
        settleEpoch();
        bytes memory later = abi.encodeCall(settlement.claim, (claims[1], pathOf(1)));
        thief.prepare(address(settlement), later, false);
        vm.assertEq(claimAll(), 2, "paid");
        vm.assertEq(thief.succeeded(), 0, "reentered");
        vm.assertEq(thief.failed(), 1, "tried");
        vm.assertEq(hooked.balanceOf(address(thief)), 3, "thief");
        vm.assertEq(hooked.balanceOf(ALICE), 4, "alice");
    }

    // --- Withdrawing and delivering ---------------------------------------------------------

    function creditRefuser(uint96 atoms) private {
        exitTo(ETH, address(refuser), atoms);
        settleExits();
        claim(0);
    }

    function test_withdrawCredit_paysAnyAddressOfTheRecipientsChoice() public {
        creditRefuser(9);
        address other = account("other");
        vm.expectEmit(address(settlement));
        emit ISettlement.CreditWithdrawn(ETH, address(refuser), other, 9);
        refuser.run(address(settlement), abi.encodeCall(settlement.withdrawCredit, (ETH, other)));
        vm.assertEq(other.balance, 9 * ETHER_UNIT, "paid");
        checkCredit(ETH, address(refuser), 0);
        checkAllPaidBut(0, 0);
    }

    function test_withdrawCredit_paysTokensOfARefusedAccountElsewhere() public {
        exitTo(USD, BOB, 9);
        settleExits();
        token.refuse(BOB, true);
        claim(0);
        vm.prank(BOB);
        settlement.withdrawCredit(USD, ALICE);
        vm.assertEq(token.balanceOf(ALICE), 9, "paid");
        checkAllPaidBut(0, 0);
    }

    function testFuzz_withdrawCredit_refusesWhoHasNone(address who) public {
        vm.assume(who != address(refuser) && who != address(0));
        creditRefuser(9);
        bytes memory reason = abi.encodeWithSelector(ISettlement.NoCredit.selector, ETH, who);
        vm.expectRevert(reason);
        vm.prank(who);
        settlement.withdrawCredit(ETH, who);
        vm.expectRevert(reason);
        settlement.deliverCredit(ETH, who);
    }

    function test_withdrawCredit_onceOnly() public {
        creditRefuser(9);
        vm.startPrank(address(refuser));
        settlement.withdrawCredit(ETH, BOB);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.NoCredit.selector, ETH, address(refuser))
        );
        settlement.withdrawCredit(ETH, BOB);
        vm.stopPrank();
    }

    function test_withdrawCredit_refusesTheZeroAddressAndUnknownAssets() public {
        creditRefuser(9);
        vm.startPrank(address(refuser));
        vm.expectRevert(refusal(ISettlement.RecipientIsZero.selector));
        settlement.withdrawCredit(ETH, address(0));
        vm.expectRevert(unknownAsset(3));
        settlement.withdrawCredit(AssetId.wrap(3), BOB);
        vm.stopPrank();
        vm.expectRevert(unknownAsset(0));
        settlement.deliverCredit(AssetId.wrap(0), BOB);
    }

    function test_withdrawCredit_aFailingPaymentKeepsTheCredit() public {
        creditRefuser(9);
        GasBurner burner = new GasBurner();
        vm.expectRevert(refusal(Errors.FailedCall.selector));
        vm.prank(address(refuser));
        settlement.withdrawCredit{gas: 500_000}(ETH, address(burner));
        checkCredit(ETH, address(refuser), 9);
        checkAllPaidBut(9, 0);
    }

    function test_withdrawCredit_aTokenThatReturnsFalseKeepsTheCredit() public {
        exitTo(USD, BOB, 9);
        settleExits();
        token.setMood(MoodyToken.Mood.ReturnsFalse);
        claim(0);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token));
        vm.prank(BOB);
        settlement.withdrawCredit(USD, ALICE);
        checkCredit(USD, BOB, 9);
    }

    function test_deliverCredit_paysTheRecipientItselfForAnybody() public {
        creditRefuser(9);
        vm.expectRevert(); // It still refuses.
        settlement.deliverCredit(ETH, address(refuser));
        refuser.accept();
        vm.expectEmit(address(settlement));
        emit ISettlement.CreditWithdrawn(ETH, address(refuser), address(refuser), 9);
        vm.prank(account("anybody"));
        settlement.deliverCredit(ETH, address(refuser));
        vm.assertEq(address(refuser).balance, 9 * ETHER_UNIT, "delivered");
        checkAllPaidBut(0, 0);
    }

    function test_credits_canBeHadWhilePaused() public {
        creditRefuser(9);
        vm.prank(GUARDIAN);
        settlement.pause();
        vm.prank(address(refuser));
        settlement.withdrawCredit(ETH, BOB);
        vm.assertEq(BOB.balance, 9 * ETHER_UNIT, "paid");
    }

    function testFuzz_payOut_onlyTheContractItself(address caller) public {
        vm.assume(caller != address(settlement));
        exitTo(ETH, ALICE, 9);
        settleExits();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.CallerIsNotSelf.selector, caller));
        vm.prank(caller);
        settlement.payOut(ETHER, caller, 1);
    }

    function test_settlement_takesNoEtherOutsideDeposit() public {
        vm.deal(address(this), 1);
        (bool done,) = address(settlement).call{value: 1}("");
        vm.assertFalse(done, "took it");
    }
}
