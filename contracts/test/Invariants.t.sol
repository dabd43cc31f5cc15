// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementHandler} from "./SettlementHandler.sol";
import {TestBase} from "./base/TestBase.sol";
import {Settlement} from "src/Settlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev What holds after any history of deposits, epochs, claims and attacks.
contract InvariantsTest is TestBase {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    SettlementHandler private handler;
    Settlement private settlement;
    address[] private _targets;

    function setUp() public {
        handler = new SettlementHandler();
        settlement = handler.settlement();
        _targets.push(address(handler));
    }

    function targetContracts() public view returns (address[] memory) {
        return _targets;
    }

    /// @dev Settling and claiming twice, so that histories go on rather than only fill up.
    function targetSelectors() public view returns (FuzzSelector[] memory all) {
        all = new FuzzSelector[](1);
        bytes4[] memory s = new bytes4[](16);
        (s[0], s[1]) = (handler.deposit.selector, handler.deposit.selector);
        (s[2], s[3]) = (handler.settle.selector, handler.settle.selector);
        (s[4], s[5]) = (handler.claim.selector, handler.claimMany.selector);
        (s[6], s[7]) = (handler.settleTampered.selector, handler.claimTampered.selector);
        (s[8], s[9]) = (handler.withdrawCredit.selector, handler.deliverCredit.selector);
        (s[10], s[11]) = (handler.donate.selector, handler.claim.selector);
        (s[12], s[13]) = (handler.pass.selector, handler.setSettler.selector);
        (s[14], s[15]) = (handler.pauseOrNot.selector, handler.settle.selector);
        all[0] = FuzzSelector(address(handler), s);
    }

    /// @dev One campaign for all of them: each sees every history.
    function invariant_holdsAfterAnyHistory() public view {
        checkCustodyCoversEverythingOwed();
        checkPaidAtMostSettledAtMostDeposited();
        checkCellsAndPotsAreAsBooked();
        checkClaimsArePaidOnce();
        checkEpochsContinueOneAnother();
        checkNothingTamperedIsAccepted();
        checkTheGraceIsOfTheSettlersLast();
    }

    /// @dev That histories are no empty ones: a plain one reaches every kind of event.
    function test_historiesReachEverything() public {
        for (uint256 i = 0; i < 30; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            handler.deposit(seed, seed >> 8, uint96(seed >> 16));
            if (i % 3 == 0) handler.settle(seed);
            if (i % 3 == 1) handler.settleTampered(seed);
            handler.claim(seed);
            handler.claimTampered(seed);
            handler.claimMany(seed >> 1);
            handler.setSettler(seed);
            handler.pauseOrNot(seed);
            if (i % 3 == 2) handler.pass(8 days); // So that the next epoch settles.
            if (i % 6 == 5) handler.withdrawCredit(seed);
            if (i % 6 == 4) handler.deliverCredit(seed);
        }
        invariant_holdsAfterAnyHistory();
        uint256 credits = 0;
        uint256 paid = 0;
        uint256 open = 0;
        for (uint256 r = 1; r <= handler.ROLLUPS(); ++r) {
            for (uint256 i = 0; i < handler.exitCount(r); ++i) {
                (, bool isPaid) = handler.exits(r, i);
                if (isPaid) ++paid;
                else ++open;
            }
        }
        for (uint256 i = 0; i < 5; ++i) {
            if (handler.owed(1, handler.recipients(i)) != 0) ++credits;
        }
        vm.assertEq(handler.epochs(), 9, "epochs"); // The first is a stranger's, too early.
        vm.assertGe(paid, 15, "claims paid");
        vm.assertGe(open, 5, "claims open");
        vm.assertGe(credits, 1, "credits");
        vm.assertGe(handler.tampered(), 20, "attacks");
    }

    /// @dev CUSTODY, and ZERO_SUM with it: what is held covers, and custody is exactly, all cells,
    /// unsettled deposits, pots and credits.
    function checkCustodyCoversEverythingOwed() public view {
        for (uint256 a = 1; a <= handler.ASSETS(); ++a) {
            AssetId asset = AssetId.wrap(uint16(a));
            uint256 owed = settlement.creditTotal(asset);
            for (uint256 r = 1; r <= handler.ROLLUPS(); ++r) {
                RollupId rollup = RollupId.wrap(uint16(r));
                (uint96 balance, uint128 total, uint128 settled,) = settlement.cell(rollup, asset);
                owed += balance + (total - settled) + settlement.pot(rollup, asset);
            }
            vm.assertEq(settlement.custody(asset), owed, "custody");
            vm.assertGe(handler.held(a), owed * handler.units(a - 1), "held");
        }
    }

    /// @dev paid <= settled (exited) <= deposited, per asset and for each pot.
    function checkPaidAtMostSettledAtMostDeposited() public view {
        for (uint256 a = 1; a <= handler.ASSETS(); ++a) {
            uint256 paid = 0;
            uint256 exited = 0;
            uint256 settledDeposits = 0;
            uint256 deposited = 0;
            for (uint256 r = 1; r <= handler.ROLLUPS(); ++r) {
                (, uint256 d, uint256 s, uint256 e, uint256 c) = handler.cells(r, a);
                vm.assertLe(c, e, "a cell's claims at most its exits");
                paid += c;
                exited += e;
                settledDeposits += s;
                deposited += d;
            }
            vm.assertLe(paid, exited, "paid at most exited");
            vm.assertLe(exited, settledDeposits, "exited at most deposited and settled");
            vm.assertLe(settledDeposits, deposited, "settled at most deposited");
        }
    }

    /// @dev POT_CAP and ISOLATION: every cell and pot is what the books say, so no epoch or claim
    /// touched a cell that it did not name.
    function checkCellsAndPotsAreAsBooked() public view {
        for (uint256 r = 1; r <= handler.ROLLUPS(); ++r) {
            RollupId rollup = RollupId.wrap(uint16(r));
            for (uint256 a = 1; a <= handler.ASSETS(); ++a) {
                AssetId asset = AssetId.wrap(uint16(a));
                (uint256 balance, uint256 d, uint256 s, uint256 exited, uint256 claimed) =
                    handler.cells(r, a);
                (uint96 b, uint128 total, uint128 settled,) = settlement.cell(rollup, asset);
                vm.assertEq(b, balance, "balance");
                vm.assertEq(total, d, "deposited");
                vm.assertEq(settled, s, "settled");
                vm.assertEq(settlement.pot(rollup, asset), exited - claimed, "pot");
            }
            (,, uint64 height) = settlement.rollup(rollup);
            vm.assertEq(height, handler.heights(r), "height");
        }
    }

    /// @dev EXACTLY_ONCE: an exit is marked paid exactly if it was paid, and the credits are those
    /// of the payments that failed.
    function checkClaimsArePaidOnce() public view {
        for (uint256 r = 1; r <= handler.ROLLUPS(); ++r) {
            for (uint256 i = 0; i < handler.exitCount(r); ++i) {
                (, bool paid) = handler.exits(r, i);
                bool marked = settlement.isClaimed(RollupId.wrap(uint16(r)), uint32(i));
                vm.assertEq(marked, paid, "claimed");
            }
        }
        for (uint256 a = 1; a <= handler.ASSETS(); ++a) {
            uint256 sum = 0;
            AssetId asset = AssetId.wrap(uint16(a));
            for (uint256 i = 0; i < 5; ++i) {
                address who = handler.recipients(i);
                vm.assertEq(settlement.credit(asset, who), handler.owed(a, who), "credit");
                sum += handler.owed(a, who);
            }
            vm.assertEq(settlement.creditTotal(asset), sum, "credits");
        }
    }

    /// @dev ROOT_CONTINUITY and IN_ORDER: the digest is the last epoch's closing one.
    function checkEpochsContinueOneAnother() public view {
        vm.assertEq(EpochNumber.unwrap(settlement.epoch()), handler.epochs(), "epoch");
        vm.assertEq(settlement.stateDigest(), handler.digest(), "digest");
    }

    /// @dev Whatever settlers and pauses there were; and within it only the settler has settled.
    function checkTheGraceIsOfTheSettlersLast() public view {
        vm.assertEq(settlement.openToAllAt(), handler.settledAt() + 7 days, "grace");
        vm.assertEq(handler.wronglyRefused(), 0, "refused");
    }

    function checkNothingTamperedIsAccepted() public view {
        vm.assertEq(handler.wronglyAccepted(), 0, "accepted");
    }
}
