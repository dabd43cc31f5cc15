// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "./TestBase.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {EpochVerifier} from "src/verifier/EpochVerifier.sol";

/// @dev Real proofs, made by Rust: `../property-tests/vectors/settlement_proof.json`.
abstract contract ProofTest is TestBase {
    string private constant _VECTORS = "../property-tests/vectors/settlement_proof.json";

    /// @dev A statement with its proof.
    struct Case {
        uint256 domainWord;
        EpochNumber epoch;
        uint256 openingDigest;
        uint256[38][] steps;
        bytes proof;
    }

    EpochVerifier internal verifier;

    function setUp() public virtual {
        verifier = new EpochVerifier();
    }

    function verificationKeyId() internal view returns (bytes32) {
        return vm.parseJsonBytes32(vm.readFile(_VECTORS), ".verification_key_id");
    }

    function caseCount() internal view returns (uint256 count) {
        string memory json = vm.readFile(_VECTORS);
        while (vm.keyExistsJson(json, _item(".cases", count))) ++count;
    }

    function caseAt(uint256 index) internal view returns (Case memory c) {
        string memory json = vm.readFile(_VECTORS);
        string memory key = _item(".cases", index);
        c.domainWord = vm.parseJsonUint(json, string.concat(key, ".domain_word"));
        c.epoch =
            EpochNumber.wrap(uint64(vm.parseJsonUint(json, string.concat(key, ".epoch"))));
        c.openingDigest = vm.parseJsonUint(json, string.concat(key, ".opening_digest"));
        c.proof = vm.parseJsonBytes(json, string.concat(key, ".proof"));
        string memory list = string.concat(key, ".steps");
        uint256 count = 0;
        while (vm.keyExistsJson(json, _item(list, count))) ++count;
        c.steps = new uint256[38][](count);
        for (uint256 j = 0; j < count; ++j) {
            uint256[] memory words = vm.parseJsonUintArray(json, _item(list, j));
            vm.assertEq(words.length, 38, "words of a step");
            for (uint256 i = 0; i < 38; ++i) {
                c.steps[j][i] = words[i];
            }
        }
    }

    function isAccepted(Case memory c) internal view returns (bool) {
        return verifier.verify(c.domainWord, c.epoch, c.openingDigest, c.steps, c.proof);
    }

    function _item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }
}
