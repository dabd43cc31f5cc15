// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./SettlementTest.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev Rollup A exits to whom a test names; the exits settle as epoch 1 and can be claimed.
abstract contract ClaimTest is SettlementTest {
    Claim[] internal claims;

    function exitTo(AssetId asset, address recipient, uint96 atoms) internal {
        claims.push(appendExit(A, asset, recipient, atoms));
    }

    /// @dev Deposits exactly what exits, so that every atom held is owed to these claims.
    function settleExits() internal {
        uint96 ether_ = total(ETH);
        uint96 usd = total(USD);
        if (ether_ != 0) {
            depositEther(A, ether_);
            emitCell(A, ETH, 0, ether_, ether_);
        }
        if (usd != 0) {
            depositToken(A, usd);
            emitCell(A, USD, 0, usd, usd);
        }
        emitRollup(A, 1, treeRoot());
        settleEpoch();
    }

    function total(AssetId asset) internal view returns (uint96 sum) {
        for (uint256 i = 0; i < claims.length; ++i) {
            if (claims[i].asset == asset) sum += claims[i].atoms;
        }
    }

    function claim(uint256 i) internal {
        settlement.claim(claims[i], pathOf(i));
    }

    function claimAll() internal returns (uint256) {
        return settlement.claimMany(claims, paths());
    }

    function paths() internal view returns (bytes32[][] memory all) {
        all = new bytes32[][](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            all[i] = pathOf(i);
        }
    }

    function expectPaid(Claim memory c) internal {
        vm.expectEmit(address(settlement));
        emit ISettlement.ClaimPaid(c.epoch, c.rollup, c.index, c.asset, c.recipient, c.atoms);
    }

    function checkClaimRefused(Claim memory c, bytes32[] memory path, bytes memory reason)
        internal
    {
        vm.expectRevert(reason);
        settlement.claim(c, path);
    }

    function notInExitRoot(Claim memory c) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ISettlement.ClaimNotInExitRoot.selector, c.epoch, c.rollup, c.index
            );
    }

    function alreadyPaid(Claim memory c) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.ClaimAlreadyPaid.selector, c.rollup, c.index);
    }

    /// @dev Nothing is left anywhere but what is owed as credit.
    function checkAllPaidBut(uint96 etherCredits, uint96 usdCredits) internal view {
        vm.assertEq(settlement.pot(A, ETH), 0, "ether pot");
        vm.assertEq(settlement.pot(A, USD), 0, "token pot");
        vm.assertEq(settlement.custody(ETH), etherCredits, "ether custody");
        vm.assertEq(settlement.custody(USD), usdCredits, "token custody");
        vm.assertEq(settlement.creditTotal(ETH), etherCredits, "ether credits");
        vm.assertEq(settlement.creditTotal(USD), usdCredits, "token credits");
        vm.assertEq(address(settlement).balance, etherCredits * ETHER_UNIT, "ether held");
        vm.assertEq(token.balanceOf(address(settlement)), usdCredits, "tokens held");
    }

    function checkCredit(AssetId asset, address who, uint96 atoms) internal view {
        vm.assertEq(settlement.credit(asset, who), atoms, "credit");
    }

    function assetOf(uint16 id) internal pure returns (AssetId) {
        return AssetId.wrap(id);
    }

    function rollupOf(uint16 id) internal pure returns (RollupId) {
        return RollupId.wrap(id);
    }
}
