// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimTest} from "./base/ClaimTest.sol";
import {ExitTree} from "./base/ExitTree.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev An exit is paid to its recipient exactly once, against an exit root that settled, out of
/// its own pot; nothing else is ever paid.
contract ClaimPaymentTest is ClaimTest {
    function test_claim_paysEtherAndTokensToTheRecipient() public {
        exitTo(ETH, ALICE, 30);
        exitTo(USD, BOB, 7);
        settleExits();
        uint256 before = ALICE.balance;
        expectPaid(claims[0]);
        vm.prank(account("anybody"));
        claim(0);
        vm.assertEq(ALICE.balance, before + 30 * ETHER_UNIT, "ether");
        vm.assertEq(settlement.pot(A, ETH), 0, "pot");
        vm.assertEq(settlement.pot(A, USD), 7, "other pot");
        vm.assertTrue(settlement.isClaimed(A, 0), "claimed");
        vm.assertFalse(settlement.isClaimed(A, 1), "not claimed");
        vm.assertFalse(settlement.isClaimed(B, 0), "another rollup's");
        expectPaid(claims[1]);
        claim(1);
        vm.assertEq(token.balanceOf(BOB), 7, "tokens");
        checkAllPaidBut(0, 0);
    }

    function testFuzz_claim_anyExitOfAnyTree(uint256 count, uint256 pick, uint96 atoms) public {
        count = bound(count, 1, 40);
        pick = bound(pick, 0, count - 1);
        atoms = uint96(bound(atoms, 1, ATOMS_LIMIT / 40));
        for (uint256 i = 0; i < count; ++i) {
            exitTo(USD, account(string(abi.encode(i))), atoms);
        }
        settleExits();
        claim(pick);
        vm.assertEq(token.balanceOf(claims[pick].recipient), atoms, "paid");
        checkClaimRefused(claims[pick], pathOf(pick), alreadyPaid(claims[pick]));
        vm.assertEq(settlement.pot(A, USD), (count - 1) * atoms, "the others' pot");
    }

    function test_claim_refusesTheSecondTime() public {
        exitTo(ETH, ALICE, 1);
        exitTo(ETH, ALICE, 1); // Equal but for its index: an exit of its own.
        settleExits();
        claim(0);
        checkClaimRefused(claims[0], pathOf(0), alreadyPaid(claims[0]));
        claim(1);
        checkClaimRefused(claims[1], pathOf(1), alreadyPaid(claims[1]));
        checkAllPaidBut(0, 0);
    }

    /// @dev Every index has a mark of its own, up to the last of 2^32.
    function testFuzz_claim_indicesDoNotShareTheirMarks(uint32 first, uint32 second) public {
        vm.assume(first != second);
        uint32[2] memory indices = [first, second];
        for (uint256 i = 0; i < 2; ++i) {
            exitTo(USD, ALICE, 1);
            claims[i].index = indices[i];
            leaves[i] = leafOf(claims[i]);
        }
        settleExits();
        claim(0);
        vm.assertTrue(settlement.isClaimed(A, first), "claimed");
        vm.assertFalse(settlement.isClaimed(A, second), "not yet");
        claim(1);
        vm.assertTrue(settlement.isClaimed(A, second), "claimed");
        checkAllPaidBut(0, 0);
    }

    function test_claim_indicesDoNotShareTheirMarks() public {
        testFuzz_claim_indicesDoNotShareTheirMarks(0, 256);
    }

    function test_claim_theLastIndex() public {
        testFuzz_claim_indicesDoNotShareTheirMarks(type(uint32).max, 0);
    }

    /// @dev A later root contains the earlier exits: they can be claimed against either, once.
    function test_claim_againstAnEarlierOrALaterRootButOnce() public {
        exitTo(USD, ALICE, 1);
        exitTo(USD, BOB, 2);
        settleExits();
        bytes32[] memory early = pathOf(0);
        exitTo(USD, BOB, 4);
        depositToken(A, 4);
        emitCell(A, USD, 0, 4, 4);
        emitRollup(A, 2, treeRoot());
        settleEpoch();

        settlement.claim(claims[0], early);
        Claim memory again = claims[0];
        again.epoch = EpochNumber.wrap(2);
        checkClaimRefused(again, pathOf(0), alreadyPaid(again));
        claims[1].epoch = EpochNumber.wrap(2);
        claim(1);
        checkClaimRefused(claims[2], pathOf(2), notInExitRoot(claims[2])); // Not yet in epoch 1.
        claims[2].epoch = EpochNumber.wrap(2);
        claim(2);
        checkAllPaidBut(0, 0);
    }

    function test_claim_refusesEpochsAndRollupsWithoutExitRoot() public {
        exitTo(USD, ALICE, 1);
        settleExits();
        Claim memory c = claims[0];
        c.epoch = EpochNumber.wrap(2);
        checkClaimRefused(c, pathOf(0), rootUnknown(2, A));
        c.epoch = EpochNumber.wrap(0);
        checkClaimRefused(c, pathOf(0), rootUnknown(0, A));
        c.epoch = EpochNumber.wrap(1);
        c.rollup = B;
        checkClaimRefused(c, pathOf(0), rootUnknown(1, B));
        c.rollup = RollupId.wrap(9);
        checkClaimRefused(c, pathOf(0), rootUnknown(1, RollupId.wrap(9)));
    }

    function rootUnknown(uint64 number, RollupId r) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.ExitRootUnknown.selector, number, r);
    }

    function testFuzz_claim_refusesAnyChangedField(uint8 field, uint96 change) public {
        exitTo(USD, ALICE, 5);
        exitTo(USD, BOB, 6);
        settleExits();
        emitRollup(B, 1, bytes32(uint256(1)));
        settleEpoch();
        Claim memory c = claims[0];
        change = uint96(bound(change, 1, ATOMS_LIMIT - 5));
        field = uint8(bound(field, 0, 3));
        if (field == 0) c.index = uint32(bound(change, 1, type(uint32).max));
        if (field == 1) c.asset = AssetId.wrap(uint16(bound(change, 3, 65535)));
        if (field == 2) c.recipient = address(uint160(ALICE) ^ uint160(change));
        if (field == 3) c.atoms += change;
        checkClaimRefused(c, pathOf(0), notInExitRoot(c));
        c = claims[0];
        (c.rollup, c.epoch) = (B, EpochNumber.wrap(2)); // Another rollup's root.
        checkClaimRefused(c, pathOf(0), notInExitRoot(c));
        claim(0);
    }

    function testFuzz_claim_refusesAnyChangedPath(uint256 level, bytes32 sibling) public {
        exitTo(USD, ALICE, 5);
        exitTo(USD, BOB, 6);
        settleExits();
        bytes32[] memory path = pathOf(0);
        level = bound(level, 0, 31);
        vm.assume(path[level] != sibling);
        path[level] = sibling;
        checkClaimRefused(claims[0], path, notInExitRoot(claims[0]));
        checkClaimRefused(claims[0], pathOf(1), notInExitRoot(claims[0]));
    }

    function test_claim_refusesPathsOfAnotherLength() public {
        exitTo(USD, ALICE, 5);
        settleExits();
        bytes32[] memory path = pathOf(0);
        bytes32[] memory shorter = new bytes32[](31);
        bytes32[] memory longer = new bytes32[](33);
        for (uint256 i = 0; i < 32; ++i) {
            if (i < 31) shorter[i] = path[i];
            longer[i] = path[i];
        }
        checkClaimRefused(claims[0], shorter, wrongLength(31));
        checkClaimRefused(claims[0], longer, wrongLength(33));
        checkClaimRefused(claims[0], new bytes32[](0), wrongLength(0));
    }

    function wrongLength(uint256 given) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.PathLengthWrong.selector, given, 32);
    }

    /// @dev The empty root of a rollup without exits, and a tree with an empty slot: nothing to
    /// claim, whatever the path.
    function test_claim_emptyLeavesAreNoClaims() public {
        emitRollup(B, 1, treeRoot());
        settleEpoch();
        Claim memory c = Claim(EpochNumber.wrap(1), B, 0, USD, ALICE, 0);
        checkClaimRefused(c, pathOf(0), notInExitRoot(c));
    }

    // --- The pot is the limit ---------------------------------------------------------------

    /// @dev A rollup may sign an exit tree that promises more than its lanes took out.
    function test_claim_aLyingExitTreeCannotDrawMoreThanItsPot() public {
        exitTo(USD, ALICE, 60);
        exitTo(USD, BOB, 60);
        depositToken(A, 100);
        depositToken(B, 1000);
        emitCell(A, USD, 0, 100, 100);
        emitCell(B, USD, 500, 1000, 500);
        emitRollup(A, 1, treeRoot());
        settleEpoch();
        claim(0);
        checkClaimRefused(claims[1], pathOf(1), potTooSmall(A, USD, 40, 60));
        vm.assertFalse(settlement.isClaimed(A, 1), "still open");
        vm.assertEq(settlement.pot(B, USD), 500, "the other rollup's pot");

        // Once the rollup exits what it promised, the claim goes through.
        depositToken(A, 20);
        emitCell(A, USD, 0, 20, 20);
        settleEpoch();
        claim(1);
        vm.assertEq(token.balanceOf(BOB), 60, "paid");
    }

    /// @dev One rollup's tree listing another rollup's exit does not open the other's pot.
    function test_claim_aTreeCannotReachIntoAnotherRollupsPot() public {
        depositToken(B, 50);
        Claim memory foreign = appendExit(B, USD, ALICE, 50);
        emitCell(B, USD, 0, 50, 50);
        emitRollup(A, 1, treeRoot());
        emitRollup(B, 1, bytes32(uint256(1)));
        settleEpoch();
        checkClaimRefused(foreign, pathOf(0), notInExitRoot(foreign));
        foreign.rollup = A;
        checkClaimRefused(foreign, pathOf(0), notInExitRoot(foreign));
    }

    /// @dev Two exits under one index, in two epochs' trees: the index is paid once.
    function test_claim_aRewrittenTreePaysAnIndexOnce() public {
        exitTo(USD, ALICE, 5);
        settleExits();
        claim(0);
        delete leaves;
        Claim memory rewritten = appendExit(A, USD, BOB, 5);
        rewritten.epoch = EpochNumber.wrap(2);
        depositToken(A, 5);
        emitCell(A, USD, 0, 5, 5);
        emitRollup(A, 2, treeRoot());
        settleEpoch();
        checkClaimRefused(rewritten, pathOf(0), alreadyPaid(rewritten));
    }

    function test_claim_refusesAnAssetThatDoesNotExist() public {
        Claim memory c = appendExit(A, AssetId.wrap(3), ALICE, 0);
        emitRollup(A, 1, treeRoot());
        settleEpoch();
        checkClaimRefused(c, pathOf(0), unknownAsset(3));
    }

    function potTooSmall(RollupId r, AssetId a, uint96 pot, uint96 atoms)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(ISettlement.PotTooSmall.selector, r, a, pot, atoms);
    }

    // --- Many at once -----------------------------------------------------------------------

    function test_claimMany_paysAllInOrder() public {
        exitTo(ETH, ALICE, 3);
        exitTo(USD, BOB, 4);
        exitTo(USD, ALICE, 5);
        settleExits();
        uint256 before = ALICE.balance;
        for (uint256 i = 0; i < 3; ++i) {
            expectPaid(claims[i]);
        }
        vm.assertEq(claimAll(), 3, "paid");
        vm.assertEq(ALICE.balance, before + 3 * ETHER_UNIT, "alice's ether");
        vm.assertEq(token.balanceOf(ALICE), 5, "alice's tokens");
        vm.assertEq(token.balanceOf(BOB), 4, "bob's tokens");
        checkAllPaidBut(0, 0);
    }

    function test_claimMany_none() public {
        vm.assertEq(claimAll(), 0, "paid");
    }

    /// @dev Somebody who claims one of them first does not stop the rest.
    function test_claimMany_skipsWhatHasBeenPaid() public {
        exitTo(USD, ALICE, 1);
        exitTo(USD, BOB, 2);
        settleExits();
        claim(0);
        vm.assertEq(claimAll(), 1, "paid");
        vm.assertEq(claimAll(), 0, "again");
        vm.assertEq(token.balanceOf(ALICE), 1, "once");
        vm.assertEq(token.balanceOf(BOB), 2, "once");
        checkAllPaidBut(0, 0);
    }

    function test_claimMany_theSameTwiceInAListIsPaidOnce() public {
        exitTo(USD, ALICE, 1);
        settleExits();
        Claim[] memory twice = new Claim[](2);
        (twice[0], twice[1]) = (claims[0], claims[0]);
        bytes32[][] memory twoPaths = new bytes32[][](2);
        (twoPaths[0], twoPaths[1]) = (pathOf(0), pathOf(0));
        vm.assertEq(settlement.claimMany(twice, twoPaths), 1, "paid");
        vm.assertEq(token.balanceOf(ALICE), 1, "once");
    }

    function testFuzz_claimMany_oneWrongPathRevertsTheWhole(uint256 which, uint256 level) public {
        for (uint96 i = 0; i < 5; ++i) {
            exitTo(USD, ALICE, i + 1);
        }
        settleExits();
        claim(4); // A paid one's path is checked all the same.
        which = bound(which, 0, 4);
        bytes32[][] memory wrong = paths();
        wrong[which][bound(level, 0, 31)] ^= bytes32(uint256(1));
        vm.expectRevert(notInExitRoot(claims[which]));
        settlement.claimMany(claims, wrong);
        vm.assertEq(token.balanceOf(ALICE), 5, "only the one before");
    }

    function test_claimMany_refusesAPotTooSmall() public {
        exitTo(USD, ALICE, 1);
        exitTo(USD, BOB, 2);
        depositToken(A, 2);
        emitCell(A, USD, 0, 2, 2);
        emitRollup(A, 1, treeRoot());
        settleEpoch();
        bytes32[][] memory all = paths();
        vm.expectRevert(potTooSmall(A, USD, 1, 2));
        settlement.claimMany(claims, all);
        vm.assertEq(token.balanceOf(ALICE), 0, "none");
    }

    function test_claimMany_refusesListsOfDifferentLength() public {
        exitTo(USD, ALICE, 1);
        settleExits();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ClaimCountsDiffer.selector, 1, 0));
        settlement.claimMany(claims, new bytes32[][](0));
    }

    // --- Nobody can stop it -----------------------------------------------------------------

    function test_claim_whilePaused() public {
        exitTo(USD, ALICE, 1);
        exitTo(ETH, BOB, 2);
        settleExits();
        vm.prank(GUARDIAN);
        settlement.pause();
        vm.assertEq(claimAll(), 2, "paid");
        checkAllPaidBut(0, 0);
    }

    function test_tree_helperKnowsTheEmptyRoot() public pure {
        bytes32 empty = 0;
        for (uint256 i = 0; i < 32; ++i) {
            empty = keccak256(abi.encodePacked(empty, empty));
        }
        vm.assertEq(ExitTree.root(new bytes32[](0), 0), empty, "empty root");
    }
}
