// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "./TestBase.sol";
import {IEpochVerifier} from "src/interfaces/IEpochVerifier.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {EpochVerifier} from "src/verifier/EpochVerifier.sol";
import {LOG_CONSTRAINTS, LOG_ENTRIES} from "src/verifier/VerificationKey.sol";

/// @dev A statement with its proof.
struct Case {
    uint256 domainWord;
    EpochNumber epoch;
    uint256 openingDigest;
    uint256[] steps;
    bytes proof;
}

/// @dev Real proofs, made by Rust, and the calls that put them to the verifier.
abstract contract ProofTest is TestBase {
    string internal constant VECTORS = "../property-tests/vectors/settlement_proof.json";
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 internal constant P =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @dev In a call of `verify`: the selector and five words, then the steps behind their number.
    uint256 internal constant STEPS_AT = 4 + 5 * 32 + 32;

    EpochVerifier internal verifier;

    function setUp() public virtual {
        verifier = newVerifier();
    }

    // --- Vectors ----------------------------------------------------------------------------

    function caseCount() internal view returns (uint256 count) {
        string memory json = vm.readFile(VECTORS);
        while (vm.keyExistsJson(json, _item(".cases", count))) ++count;
    }

    function caseAt(uint256 index) internal view returns (Case memory c) {
        string memory json = vm.readFile(VECTORS);
        string memory key = _item(".cases", index);
        c.domainWord = vm.parseJsonUint(json, string.concat(key, ".domain_word"));
        c.epoch = EpochNumber.wrap(uint64(vm.parseJsonUint(json, string.concat(key, ".epoch"))));
        c.openingDigest = vm.parseJsonUint(json, string.concat(key, ".opening_digest"));
        c.proof = vm.parseJsonBytes(json, string.concat(key, ".proof"));
        c.steps = vm.parseJsonUintArray(json, string.concat(key, ".steps"));
    }

    /// @dev The shortest epoch of more than one step: every part of a proof is there.
    function smallCase() internal view returns (Case memory c) {
        c = caseAt(1);
        vm.assertGe(split(c.steps).length, 2, "steps");
    }

    function _item(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]");
    }

    // --- The steps' layout, in plain numbers ------------------------------------------------

    /// @dev Each step's words for itself.
    function split(uint256[] memory words) internal pure returns (uint256[][] memory steps) {
        uint256 count = 0;
        uint256 start = 0;
        for (; start < words.length; start += lengthAt(words, start)) {
            ++count;
        }
        steps = new uint256[][](count);
        start = 0;
        for (uint256 j = 0; j < count; ++j) {
            steps[j] = new uint256[](lengthAt(words, start));
            for (uint256 i = 0; i < steps[j].length; ++i) {
                steps[j][i] = words[start + i];
            }
            start += steps[j].length;
        }
    }

    function join(uint256[][] memory steps) internal pure returns (uint256[] memory words) {
        uint256 length = 0;
        for (uint256 j = 0; j < steps.length; ++j) {
            length += steps[j].length;
        }
        words = new uint256[](length);
        uint256 end = 0;
        for (uint256 j = 0; j < steps.length; ++j) {
            for (uint256 i = 0; i < steps[j].length; ++i) {
                words[end++] = steps[j][i];
            }
        }
    }

    /// @dev Words of the step that starts there: two, two for each cell, seven for each rollup.
    function lengthAt(uint256[] memory words, uint256 start) internal pure returns (uint256) {
        return 2 + 2 * cellCountOf(words[start + 1]) + 7 * (words[start + 1] >> 72);
    }

    function cellCountOf(uint256 counts) internal pure returns (uint256) {
        return counts >> 64 & 0xff;
    }

    // --- The proof's layout, in plain numbers -----------------------------------------------

    /// @dev First byte of the parts in a proof of k steps, and the length of it all: points of the
    /// steps, six commitments, scalars, the foldings' and quotients' points, the openings' scalars.
    function partsOf(uint256 k)
        internal
        pure
        returns (
            uint256 commitments,
            uint256 scalars,
            uint256 points,
            uint256 openings,
            uint256 end
        )
    {
        commitments = 64 + 128 * (k - 1);
        scalars = commitments + 6 * 64;
        points = scalars + 96 * LOG_CONSTRAINTS + 4 * 32 + 96 * LOG_ENTRIES + 15 * 32;
        openings = points + 64 * (LOG_ENTRIES - 1) + 3 * 64;
        end = openings + 96 * LOG_ENTRIES;
    }

    /// @dev Whether the word at a byte of the proof is a point's coordinate, or else a scalar.
    function isCoordinate(uint256 k, uint256 place) internal pure returns (bool) {
        (, uint256 scalars, uint256 points, uint256 openings,) = partsOf(k);
        return place < scalars || (place >= points && place < openings);
    }

    // --- Calls ------------------------------------------------------------------------------

    function encode(Case memory c) internal pure returns (bytes memory) {
        return abi.encodeCall(
            IEpochVerifier.verify, (c.domainWord, c.epoch, c.openingDigest, c.steps, c.proof)
        );
    }

    /// @dev Where the proof begins in the call.
    function proofAt(Case memory c) internal pure returns (uint256) {
        return STEPS_AT + 32 * c.steps.length + 32;
    }

    /// @dev What the verifier says to the call: it must say something.
    function accepts(bytes memory call) internal view returns (bool) {
        return answer(address(verifier), call) == 1;
    }

    /// @dev Copies nothing, so that thousands of calls need no memory.
    function answer(address target, bytes memory input) internal view returns (uint256 word) {
        bool done;
        assembly ("memory-safe") {
            done := staticcall(gas(), target, add(input, 0x20), mload(input), 0, 0x20)
            done := and(done, eq(returndatasize(), 0x20))
            word := mload(0)
        }
        vm.assertTrue(done, "an answer");
    }

    function checkAccepted(Case memory c) internal view {
        vm.assertTrue(accepts(encode(c)), "accepted");
    }

    function checkRefused(Case memory c, string memory what) internal view {
        vm.assertFalse(accepts(encode(c)), what);
    }

    // --- Words and bytes of a call ----------------------------------------------------------

    function wordOf(bytes memory input, uint256 place) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(input, 0x20), place))
        }
    }

    function setWord(bytes memory input, uint256 place, uint256 word) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(input, 0x20), place), word)
        }
    }

    /// @dev The call with another word at `at` is refused; the call is as before afterwards.
    function checkWordRefused(bytes memory call, uint256 place, uint256 word) internal view {
        uint256 before = wordOf(call, place);
        if (word == before) return;
        setWord(call, place, word);
        if (accepts(call)) vm.assertTrue(false, string.concat("accepted at ", vm.toString(place)));
        setWord(call, place, before);
    }

    /// @dev One bit of every byte from `from` to `to`, and the lowest and highest of every word.
    function checkEveryByteMatters(bytes memory call, uint256 from, uint256 to) internal view {
        vm.assertTrue(accepts(call), "accepted as it is");
        for (uint256 place = from; place < to; place += 32) {
            uint256 word = wordOf(call, place);
            for (uint256 i = 0; i < 32; ++i) {
                checkWordRefused(call, place, word ^ (1 << (8 * i + (place / 32 + i) % 8)));
            }
            checkWordRefused(call, place, word ^ 1);
            checkWordRefused(call, place, word ^ (1 << 255));
        }
        vm.assertTrue(accepts(call), "accepted as it was");
    }
}
