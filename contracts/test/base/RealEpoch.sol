// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Case, ProofTest} from "./ProofTest.sol";
import {Settlement} from "src/Settlement.sol";
import {IEpochVerifier} from "src/interfaces/IEpochVerifier.sol";
import {AssetId} from "src/types/AssetId.sol";
import {RollupId} from "src/types/RollupId.sol";

/// @dev A domain that a real proof fits: at the vectors' address, with their rollups and deposits.
abstract contract RealEpoch is ProofTest {
    address private constant _PLACE = 0x5e5E5e5e5E5e5E5E5e5E5E5e5e5E5E5E5e5E5E5e;

    function deployFor(Case memory c) internal returns (Settlement settlement) {
        settlement = _deployAt(_PLACE, verifier, c.openingDigest);
        vm.assertEq(settlement.domainWord(), c.domainWord, "domain word");
        settlement.registerAsset(address(0), 18, 18);
        uint256[][] memory steps = split(c.steps);
        for (uint256 j = 0; j < steps.length; ++j) {
            _registerRollups(settlement, steps[j]);
        }
        for (uint256 j = 0; j < steps.length; ++j) {
            _deposit(settlement, steps[j]);
        }
    }

    /// @dev Runs the constructor in place.
    function _deployAt(address place, IEpochVerifier with, uint256 genesis)
        private
        returns (Settlement)
    {
        bytes memory arguments = abi.encode(address(this), 1, with, genesis, this, GRACE);
        vm.etch(place, bytes.concat(creationCode("Settlement"), arguments));
        (bool done, bytes memory code) = place.call("");
        vm.assertTrue(done, "constructed");
        vm.etch(place, code);
        return Settlement(place);
    }

    function _registerRollups(Settlement settlement, uint256[] memory step) private {
        for (uint256 i = 2 + 2 * cellCountOf(step[1]); i < step.length; i += 7) {
            RollupId id = settlement.registerRollup(step[i + 5], step[i + 6]);
            vm.assertEq(RollupId.unwrap(id), uint16(step[i]), "rollups are emitted in order");
        }
    }

    function _deposit(Settlement settlement, uint256[] memory step) private {
        for (uint256 i = 2; i < 2 + 2 * cellCountOf(step[1]); i += 2) {
            uint256 atoms = step[i] >> 128;
            if (atoms == 0) continue;
            vm.deal(address(this), atoms);
            RollupId rollup = RollupId.wrap(uint16(step[i]));
            settlement.deposit{value: atoms}(rollup, AssetId.wrap(uint16(step[i] >> 16)), atoms);
        }
    }
}
