// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ClaimTest} from "./base/ClaimTest.sol";

/// @dev The committed `abi/DevelopmentToken.json`, which other languages deploy, holds a working contract. The other
/// two are what all tests deploy.
contract ArtefactsTest is ClaimTest {
    function test_artefacts_developmentToken() public {
        address t = committed("DevelopmentToken", abi.encode("Development USD", "dUSD", 6));
        vm.prank(OWNER);
        settlement.registerAsset(t, 6, 6);
        vm.assertEq(settlement.assetCount(), 3, "registered");
    }
}
