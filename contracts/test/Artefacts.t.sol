// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimTest} from "./base/ClaimTest.sol";
import {ProofTest} from "./base/ProofTest.sol";
import {Settlement} from "src/Settlement.sol";
import {EpochVerifier} from "src/verifier/EpochVerifier.sol";

/// @dev The committed `abi/*.json`, which other languages deploy, hold working contracts: one epoch
/// end to end on their bytecode.
contract ArtefactsTest is ClaimTest {
    function setUp() public override {
        super.setUp();
        Settlement compiled = settlement;
        bytes memory arguments = abi.encode(OWNER, DOMAIN, verifier, GENESIS, this, GRACE);
        settlement = Settlement(committed("Settlement", arguments));
        vm.startPrank(OWNER);
        for (uint16 a = 1; a <= 2; ++a) {
            (address t, uint8 td, uint8 ld) = compiled.asset(assetOf(a));
            settlement.registerAsset(t, td, ld);
        }
        for (uint16 r = 1; r <= 3; ++r) {
            (uint256 x, uint256 y,) = compiled.rollup(rollupOf(r));
            settlement.registerRollup(x, y);
        }
        vm.stopPrank();
    }

    function test_artefacts_oneEpochEndToEnd() public {
        exitTo(ETH, ALICE, 30);
        exitTo(USD, BOB, 7);
        settleExits();
        vm.assertEq(claimAll(), 2, "paid");
        vm.assertEq(token.balanceOf(BOB), 7, "tokens");
        checkAllPaidBut(0, 0);
    }

    function test_artefacts_developmentToken() public {
        address t = committed("DevelopmentToken", abi.encode("Development USD", "dUSD", 6));
        vm.prank(OWNER);
        settlement.registerAsset(t, 6, 6);
        vm.assertEq(settlement.assetCount(), 3, "registered");
    }
}

contract VerifierArtefactTest is ProofTest {
    function setUp() public override {
        verifier = EpochVerifier(committed("EpochVerifier", ""));
    }

    function test_artefacts_verifierAcceptsARealProof() public view {
        checkAccepted(smallCase());
    }
}
