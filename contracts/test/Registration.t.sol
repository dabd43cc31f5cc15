// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Keys} from "./base/Keys.sol";
import {SettlementTest} from "./base/SettlementTest.sol";
import {StatementVerifier} from "./base/StatementVerifier.sol";
import {PlainToken} from "./base/Tokens.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Settlement} from "src/Settlement.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {SettlementKey} from "src/types/SettlementKey.sol";

/// @dev Ids are given out in order, only by the owner, only for what the circuit has room for.
contract RegistrationTest is SettlementTest {
    function test_constructor_keepsWhatItWasGiven() public view {
        vm.assertEq(settlement.owner(), OWNER, "owner");
        vm.assertEq(settlement.domainId(), DOMAIN, "domain id");
        vm.assertEq(address(settlement.verifier()), address(verifier), "verifier");
        vm.assertEq(settlement.verificationKeyId(), verifier.verificationKeyId(), "key id");
        vm.assertEq(settlement.stateDigest(), GENESIS, "genesis");
        vm.assertEq(EpochNumber.unwrap(settlement.epoch()), 0, "epoch");
        vm.assertEq(settlement.assetCount(), 2, "assets");
        vm.assertEq(settlement.rollupCount(), 3, "rollups");
        vm.assertFalse(settlement.paused(), "paused");
    }

    function test_constructor_refusesNoOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        newSettlement(address(0), DOMAIN, verifier, GENESIS);
    }

    function testFuzz_constructor_refusesGenesisPastTheField(uint256 word) public {
        word = bound(word, FIELD, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WordNotCanonical.selector, word));
        newSettlement(OWNER, DOMAIN, verifier, bytes32(word));
    }

    function test_constructor_takesTheLastCanonicalGenesis() public {
        Settlement other = newSettlement(OWNER, DOMAIN, verifier, bytes32(FIELD - 1));
        vm.assertEq(other.stateDigest(), bytes32(FIELD - 1), "genesis");
    }

    function test_constructor_refusesAVerifierWithoutCode() public {
        vm.expectRevert();
        newSettlement(OWNER, DOMAIN, StatementVerifier(account("nobody")), GENESIS);
    }

    // --- Assets -----------------------------------------------------------------------------

    function test_registerAsset_givesTheNextId() public {
        PlainToken other = new PlainToken(18);
        vm.expectEmit(address(settlement));
        emit ISettlement.AssetRegistered(AssetId.wrap(3), address(other), 18, 8);
        vm.prank(OWNER);
        AssetId id = settlement.registerAsset(address(other), 18, 8);
        vm.assertEq(AssetId.unwrap(id), 3, "id");
        (address t, uint8 tokenDecimals, uint8 ledgerDecimals) = settlement.asset(id);
        vm.assertEq(t, address(other), "token");
        vm.assertEq(tokenDecimals, 18, "token decimals");
        vm.assertEq(ledgerDecimals, 8, "ledger decimals");
        vm.assertEq(settlement.assetCount(), 3, "count");
    }

    function test_registerAsset_onlyOwner() public {
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN)
        );
        vm.prank(GUARDIAN);
        settlement.registerAsset(ETHER, 18, 18);
    }

    function test_registerAsset_refusesTheSameTokenTwice() public {
        checkAssetRefused(
            ETHER,
            18,
            18,
            abi.encodeWithSelector(ISettlement.AssetAlreadyRegistered.selector, ETH, ETHER)
        );
        checkAssetRefused(
            address(token),
            6,
            5,
            abi.encodeWithSelector(ISettlement.AssetAlreadyRegistered.selector, USD, address(token))
        );
    }

    function testFuzz_registerAsset_decimals(uint8 tokenDecimals, uint8 ledgerDecimals) public {
        PlainToken other = new PlainToken(tokenDecimals);
        bool right = ledgerDecimals <= tokenDecimals && tokenDecimals <= 36 && ledgerDecimals <= 28;
        if (!right) {
            checkAssetRefused(
                address(other),
                tokenDecimals,
                ledgerDecimals,
                abi.encodeWithSelector(
                    ISettlement.AssetDecimalsInvalid.selector, tokenDecimals, ledgerDecimals
                )
            );
        } else {
            vm.prank(OWNER);
            settlement.registerAsset(address(other), tokenDecimals, ledgerDecimals);
        }
    }

    function test_registerAsset_decimalsEdges() public {
        testFuzz_registerAsset_decimals(36, 28);
        testFuzz_registerAsset_decimals(37, 28);
        testFuzz_registerAsset_decimals(36, 29);
        testFuzz_registerAsset_decimals(0, 1);
        testFuzz_registerAsset_decimals(0, 0);
    }

    function test_registerAsset_refusesOtherDecimalsThanTheTokens() public {
        address other = address(new PlainToken(8));
        checkAssetRefused(
            other,
            9,
            8,
            abi.encodeWithSelector(ISettlement.TokenDecimalsDiffer.selector, other, 9, 8)
        );
        Settlement fresh = newSettlement(OWNER, DOMAIN, verifier, GENESIS);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.TokenDecimalsDiffer.selector, ETHER, 17, 18)
        );
        vm.prank(OWNER);
        fresh.registerAsset(ETHER, 17, 9);
    }

    function test_registerAsset_refusesAnAddressThatIsNoToken() public {
        vm.startPrank(OWNER);
        vm.expectRevert();
        settlement.registerAsset(account("nobody"), 6, 6);
        vm.expectRevert();
        settlement.registerAsset(address(settlement), 6, 6);
        vm.stopPrank();
    }

    function test_registerAsset_refusesAFifth() public {
        for (uint256 i = 3; i <= 4; ++i) {
            PlainToken other = new PlainToken(6);
            vm.prank(OWNER);
            settlement.registerAsset(address(other), 6, 6);
        }
        checkAssetRefused(
            address(new PlainToken(6)),
            6,
            6,
            abi.encodeWithSelector(ISettlement.AssetLimitReached.selector, 4)
        );
    }

    function checkAssetRefused(address t, uint8 td, uint8 ld, bytes memory reason) private {
        uint256 count = settlement.assetCount();
        vm.expectRevert(reason);
        vm.prank(OWNER);
        settlement.registerAsset(t, td, ld);
        vm.assertEq(settlement.assetCount(), count, "count");
    }

    // --- Rollups ----------------------------------------------------------------------------

    function test_registerRollup_givesTheNextIdUpToTheLimit() public {
        for (uint16 n = 4; n <= 16; ++n) {
            SettlementKey memory key = Keys.key(n);
            vm.expectEmit(address(settlement));
            emit ISettlement.RollupRegistered(RollupId.wrap(n), key.x, key.y);
            vm.prank(OWNER);
            RollupId id = settlement.registerRollup(key.x, key.y);
            vm.assertEq(RollupId.unwrap(id), n, "id");
            (uint256 x, uint256 y, uint64 height) = settlement.rollup(id);
            vm.assertEq(x, key.x, "x");
            vm.assertEq(y, key.y, "y");
            vm.assertEq(height, 0, "height");
        }
        SettlementKey memory oneMore = Keys.key(17);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RollupLimitReached.selector, 16));
        vm.prank(OWNER);
        settlement.registerRollup(oneMore.x, oneMore.y);
        vm.assertEq(settlement.rollupCount(), 16, "count");
    }

    function test_registerRollup_onlyOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ALICE));
        vm.prank(ALICE);
        settlement.registerRollup(1, 1);
    }

    function testFuzz_registerRollup_refusesPointsOffTheCurve(uint256 x, uint256 y) public {
        checkKeyRefused(x, y); // No fuzzer finds a point on the curve by chance.
    }

    function test_registerRollup_refusesPointsNextToTheCurve() public {
        SettlementKey memory key = Keys.key(4);
        checkKeyRefused(key.x + 1, key.y);
        checkKeyRefused(key.x, key.y - 1);
        checkKeyRefused(key.y, key.x);
        checkKeyRefused(0, 0);
    }

    function test_registerRollup_refusesNonCanonicalCoordinates() public {
        SettlementKey memory key = Keys.key(4);
        checkKeyRefused(key.x + FIELD, key.y);
        checkKeyRefused(key.x, key.y + FIELD);
        checkKeyRefused(type(uint256).max, type(uint256).max);
    }

    function test_registerRollup_refusesAllPointsOfSmallOrder() public {
        for (uint256 n = 1; n <= 8; ++n) {
            SettlementKey memory key = Keys.smallOrder(n);
            checkKeyRefused(key.x, key.y);
        }
    }

    function test_registerRollup_takesAPointOutsideThePrimeSubgroup() public {
        SettlementKey memory key = Keys.mixedOrder();
        vm.prank(OWNER);
        settlement.registerRollup(key.x, key.y);
        vm.assertEq(settlement.rollupCount(), 4, "count");
    }

    function checkKeyRefused(uint256 x, uint256 y) private {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SettlementKeyInvalid.selector, x, y));
        vm.prank(OWNER);
        settlement.registerRollup(x, y);
        vm.assertEq(settlement.rollupCount(), 3, "count");
    }

    // --- Views ------------------------------------------------------------------------------

    function test_views_refuseIdsThatWereNotGivenOut() public {
        uint16[3] memory rollupIds = [0, 4, 65535];
        uint16[3] memory assetIds = [0, 3, 65535];
        for (uint256 i = 0; i < 3; ++i) {
            RollupId r = RollupId.wrap(rollupIds[i]);
            AssetId a = AssetId.wrap(assetIds[i]);
            vm.expectRevert(unknownRollup(rollupIds[i]));
            settlement.rollup(r);
            vm.expectRevert(unknownRollup(rollupIds[i]));
            settlement.cell(r, ETH);
            vm.expectRevert(unknownAsset(assetIds[i]));
            settlement.cell(A, a);
            vm.expectRevert(unknownRollup(rollupIds[i]));
            settlement.pot(r, ETH);
            vm.expectRevert(unknownAsset(assetIds[i]));
            settlement.pot(A, a);
            vm.expectRevert(unknownAsset(assetIds[i]));
            settlement.asset(a);
            vm.expectRevert(unknownAsset(assetIds[i]));
            settlement.custody(a);
            vm.expectRevert(unknownAsset(assetIds[i]));
            settlement.creditTotal(a);
        }
    }
}
