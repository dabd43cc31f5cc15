// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimTest} from "./base/ClaimTest.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev What is revoked takes no deposit any more, and nothing else changes: what is in moves and is paid.
contract RevocationTest is ClaimTest {
    function test_revokeRollup_endsItsDepositsAlone() public {
        vm.expectEmit(address(settlement));
        emit ISettlement.RollupRevoked(B);
        vm.prank(OWNER);
        settlement.revokeRollup(B);
        checkRevokedRollups(false, true, false);
        checkRefused(B, ETH, abi.encodeWithSelector(ISettlement.RollupIsRevoked.selector, B));
        checkRefused(B, USD, abi.encodeWithSelector(ISettlement.RollupIsRevoked.selector, B));
        checkTaken(A, ETH);
        checkTaken(C, ETH);
    }

    function test_revokeAsset_endsItsDepositsAlone() public {
        vm.expectEmit(address(settlement));
        emit ISettlement.AssetRevoked(ETH);
        vm.prank(OWNER);
        settlement.revokeAsset(ETH);
        vm.assertTrue(settlement.isAssetRevoked(ETH), "revoked");
        vm.assertFalse(settlement.isAssetRevoked(USD), "the other");
        checkRefused(A, ETH, abi.encodeWithSelector(ISettlement.AssetIsRevoked.selector, ETH));
        checkRefused(C, ETH, abi.encodeWithSelector(ISettlement.AssetIsRevoked.selector, ETH));
        depositToken(A, 7);
    }

    /// @dev Each by itself: no id stands for another's bit.
    function test_revokeRollup_everyOneOfADomain() public {
        register(16, 2);
        for (uint16 last = 1; last <= 16; ++last) {
            vm.prank(OWNER);
            settlement.revokeRollup(RollupId.wrap(last));
            for (uint16 id = 1; id <= 16; ++id) {
                vm.assertEq(settlement.isRollupRevoked(RollupId.wrap(id)), id <= last, "revoked");
            }
        }
    }

    /// @dev What was deposited before settles, leaves and is paid.
    function test_revoke_stopsNobodysWayOut() public {
        exitTo(ETH, ALICE, 30);
        exitTo(USD, BOB, 7);
        depositEther(A, 30);
        depositToken(A, 7);
        vm.startPrank(OWNER);
        settlement.revokeRollup(A);
        settlement.revokeAsset(ETH);
        settlement.revokeAsset(USD);
        vm.stopPrank();
        emitCell(A, ETH, 0, 30, 30);
        emitCell(A, USD, 0, 7, 7);
        emitRollup(A, 1, treeRoot());
        settleEpoch();
        vm.assertEq(claimAll(), 2, "paid");
        vm.assertEq(token.balanceOf(BOB), 7, "tokens");
        checkAllPaidBut(0, 0);
    }

    function test_revoke_onceAndForGood() public {
        vm.startPrank(OWNER);
        settlement.revokeRollup(B);
        settlement.revokeAsset(USD);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RollupIsRevoked.selector, B));
        settlement.revokeRollup(B);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AssetIsRevoked.selector, USD));
        settlement.revokeAsset(USD);
        vm.stopPrank();
    }

    function testFuzz_revoke_onlyTheOwner(address caller) public {
        vm.assume(caller != OWNER);
        bytes memory refusal =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        settlement.revokeRollup(A);
        vm.expectRevert(refusal);
        settlement.revokeAsset(ETH);
        vm.stopPrank();
    }

    function testFuzz_revoke_refusesUnknownIds(uint16 id) public {
        RollupId rollup = RollupId.wrap(id == 0 ? 0 : uint16(bound(id, 4, type(uint16).max)));
        AssetId asset = AssetId.wrap(id == 0 ? 0 : uint16(bound(id, 3, type(uint16).max)));
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownRollup.selector, rollup));
        settlement.revokeRollup(rollup);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownRollup.selector, rollup));
        settlement.isRollupRevoked(rollup);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownAsset.selector, asset));
        settlement.revokeAsset(asset);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownAsset.selector, asset));
        settlement.isAssetRevoked(asset);
        vm.stopPrank();
    }

    function checkRevokedRollups(bool a, bool b, bool c) private view {
        vm.assertEq(settlement.isRollupRevoked(A), a, "A");
        vm.assertEq(settlement.isRollupRevoked(B), b, "B");
        vm.assertEq(settlement.isRollupRevoked(C), c, "C");
    }

    function checkTaken(RollupId rollup, AssetId asset) private {
        vm.deal(ALICE, ETHER_UNIT);
        vm.prank(ALICE);
        settlement.deposit{value: ETHER_UNIT}(rollup, asset, ETHER_UNIT);
    }

    function checkRefused(RollupId rollup, AssetId asset, bytes memory reason) private {
        uint256 sent = AssetId.unwrap(asset) == AssetId.unwrap(ETH) ? ETHER_UNIT : 0;
        vm.deal(ALICE, ETHER_UNIT);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        settlement.deposit{value: sent}(rollup, asset, ETHER_UNIT);
    }
}
