// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Case, ProofTest} from "./base/ProofTest.sol";

/// @dev Garbage is refused with an answer, not a revert, and costs about what a real proof costs at
/// most: nothing makes a precompile eat all gas. Nor does too little gas make anything true.
contract ProofGarbageTest is ProofTest {
    /// @dev A real proof of so many steps, and one failing precompile.
    uint256 private constant MOST = 700_000;

    bytes private _call;
    uint256 private _k;
    uint256 private _proofAt;

    function setUp() public override {
        super.setUp();
        Case memory c = smallCase();
        _call = encode(c);
        _k = split(c.steps).length;
        _proofAt = proofAt(c);
    }

    function test_verify_refusesAnAllZeroProof() public view {
        Case memory c = smallCase();
        (,,,, uint256 length) = partsOf(_k);
        c.proof = new bytes(length);
        checkGarbage(encode(c));
        // Every commitment and every sum-check is consistent with zero: nothing else may be.
        c.steps = new uint256[](2 * _k);
        checkGarbage(encode(c));
        c.openingDigest = 0;
        c.domainWord = 0;
        checkGarbage(encode(c));
    }

    function test_verify_refusesAllOnes() public view {
        Case memory c = smallCase();
        for (uint256 i = 0; i < c.proof.length; ++i) {
            c.proof[i] = 0xff;
        }
        checkGarbage(encode(c));
    }

    function testFuzz_verify_refusesRandomBytes(bytes32 seed) public view {
        bytes memory call = _call;
        for (uint256 place = _proofAt; place + 32 <= call.length; place += 32) {
            seed = keccak256(abi.encode(seed));
            setWord(call, place, uint256(seed));
        }
        checkGarbage(call);
    }

    /// @dev Steps of nothing but random words, of any number: they are hardly ever steps at all.
    function testFuzz_verify_refusesRandomSteps(uint256[] memory words) public view {
        Case memory c = smallCase();
        c.steps = words;
        checkGarbage(encode(c));
        // And with counts that might be right.
        for (uint256 i = 1; i < words.length; i += 2) {
            words[i] &= 3 | 3 << 64 | 1 << 72;
        }
        checkGarbage(encode(c));
    }

    /// @dev Points that are none, one at a time, so that every precompile call is the one that fails.
    function test_verify_aPointOffTheCurveCostsNoMoreThanAProof() public view {
        bytes memory call = _call;
        (, uint256 scalars, uint256 points, uint256 openings, uint256 end) = partsOf(_k);
        for (uint256 place = 0; place < end; place += 32) {
            if (place == scalars) place = points;
            if (place == openings) break;
            uint256 word = wordOf(call, _proofAt + place);
            setWord(call, _proofAt + place, word ^ 1);
            checkGarbage(call);
            setWord(call, _proofAt + place, type(uint256).max);
            checkGarbage(call);
            setWord(call, _proofAt + place, word);
        }
    }

    /// @dev All points are right and all scalars are small: sum-checks of nothing.
    function test_verify_refusesRightPointsWithZeroScalars() public view {
        bytes memory call = _call;
        (, uint256 scalars, uint256 points, uint256 openings, uint256 end) = partsOf(_k);
        for (uint256 place = scalars; place < end; place += 32) {
            if (place == points) place = openings;
            setWord(call, _proofAt + place, 0);
        }
        checkGarbage(call);
    }

    /// @dev With any amount of gas the answer to a wrong proof is no, or none; to a right one it is
    /// yes only if there is enough.
    function test_verify_tooLittleGasMakesNothingTrue() public view {
        bytes memory right = _call;
        bytes memory wrong = _call;
        uint256 last = wrong.length / 32 * 32 - 32 + 4;
        setWord(wrong, last, wordOf(wrong, last) ^ 1);
        bool enough = false;
        for (uint256 allowance = 5_000; allowance < 700_000; allowance += 2_500) {
            vm.assertFalse(saysYes(wrong, allowance), "wrong proof");
            bool yes = saysYes(right, allowance);
            vm.assertTrue(yes || !enough, "enough once, enough with more");
            enough = yes;
        }
        vm.assertTrue(enough, "enough in the end");
    }

    function saysYes(bytes memory input, uint256 allowance) private view returns (bool yes) {
        address target = address(verifier);
        assembly ("memory-safe") {
            mstore(0, 0)
            let done := staticcall(allowance, target, add(input, 0x20), mload(input), 0, 0x20)
            yes := and(done, eq(mload(0), 1))
        }
    }

    function checkGarbage(bytes memory call) private view {
        uint256 before = gasleft();
        bool accepted = accepts(call);
        vm.assertLe(before - gasleft(), MOST, "gas");
        vm.assertFalse(accepted, "garbage");
    }
}
