// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Case, ProofTest} from "./base/ProofTest.sol";

/// @dev No byte of a proof or of the steps can be changed, and nothing in them has a second
/// spelling: whatever differs from what was proven is refused, and never by a revert.
contract ProofTamperingTest is ProofTest {
    bytes private _call;
    uint256 private _k;
    uint256 private _stepsEnd;
    uint256 private _proofAt;

    function setUp() public override {
        super.setUp();
        Case memory c = smallCase();
        _call = encode(c);
        _k = split(c.steps).length;
        _stepsEnd = STEPS_AT + 32 * c.steps.length;
        _proofAt = proofAt(c);
    }

    // --- Every byte -------------------------------------------------------------------------

    function test_verify_refusesAFlipInAnyByteOfTheStepsPoints() public view {
        (uint256 commitments,,,,) = partsOf(_k);
        checkProofBytes(0, commitments);
    }

    function test_verify_refusesAFlipInAnyByteOfTheCommitments() public view {
        (uint256 commitments, uint256 scalars,,,) = partsOf(_k);
        checkProofBytes(commitments, scalars);
    }

    function test_verify_refusesAFlipInAnyByteOfTheSumChecksAndEvaluations() public view {
        (, uint256 scalars, uint256 points,,) = partsOf(_k);
        checkProofBytes(scalars, points);
    }

    function test_verify_refusesAFlipInAnyByteOfTheFoldingsAndQuotients() public view {
        (,, uint256 points, uint256 openings,) = partsOf(_k);
        checkProofBytes(points, openings);
    }

    function test_verify_refusesAFlipInAnyByteOfTheOpenings() public view {
        (,,, uint256 openings, uint256 end) = partsOf(_k);
        checkProofBytes(openings, end);
    }

    function test_verify_refusesAFlipInAnyByteOfTheSteps() public view {
        checkEveryByteMatters(_call, STEPS_AT, _stepsEnd);
    }

    function checkProofBytes(uint256 from, uint256 to) private view {
        checkEveryByteMatters(_call, _proofAt + from, _proofAt + to);
    }

    // --- Second spellings -------------------------------------------------------------------

    /// @dev Every word plus r, as often as it fits: the same field element.
    function test_verify_refusesNonCanonicalScalars() public view {
        bytes memory call = _call;
        (,,,, uint256 end) = partsOf(_k);
        uint256 scalars = 0;
        for (uint256 place = 0; place < end; place += 32) {
            if (isCoordinate(_k, place)) continue;
            checkMultiplesRefused(call, _proofAt + place, R);
            ++scalars;
        }
        vm.assertGe(scalars, 100, "scalars");
    }

    function test_verify_refusesNonCanonicalStepWords() public view {
        bytes memory call = _call;
        for (uint256 place = STEPS_AT; place < _stepsEnd; place += 32) {
            checkMultiplesRefused(call, place, R);
        }
    }

    /// @dev Domain word and opening digest; an epoch number is short enough.
    function test_verify_refusesANonCanonicalOpening() public view {
        checkMultiplesRefused(_call, 4, R);
        checkMultiplesRefused(_call, 4 + 64, R);
    }

    function test_verify_refusesNonCanonicalCoordinates() public view {
        bytes memory call = _call;
        (,,,, uint256 end) = partsOf(_k);
        uint256 coordinates = 0;
        for (uint256 place = 0; place < end; place += 32) {
            if (!isCoordinate(_k, place)) continue;
            checkMultiplesRefused(call, _proofAt + place, P);
            ++coordinates;
        }
        vm.assertGe(coordinates, 50, "coordinates");
    }

    function checkMultiplesRefused(bytes memory call, uint256 place, uint256 order) private view {
        uint256 before = wordOf(call, place);
        for (uint256 word = before; type(uint256).max - word >= order;) {
            word += order;
            checkWordRefused(call, place, word);
        }
    }

    // --- Other points -----------------------------------------------------------------------

    /// @dev Points of the curve that are not the proven ones: the negative, the generator, infinity,
    /// and the point that comes next.
    function test_verify_refusesOtherPointsOfTheCurve() public view {
        (, uint256 scalars, uint256 points, uint256 openings,) = partsOf(_k);
        checkPointsRefused(0, scalars);
        checkPointsRefused(points, openings);
    }

    function checkPointsRefused(uint256 from, uint256 to) private view {
        bytes memory call = _call;
        for (uint256 place = _proofAt + from; place < _proofAt + to; place += 64) {
            (uint256 x, uint256 y) = (wordOf(call, place), wordOf(call, place + 32));
            checkPointRefused(call, place, x, P - y);
            checkPointRefused(call, place, 1, 2);
            checkPointRefused(call, place, 0, 0);
            if (place + 64 == _proofAt + to) break;
            checkPointRefused(call, place, wordOf(call, place + 64), wordOf(call, place + 96));
        }
    }

    function checkPointRefused(bytes memory call, uint256 place, uint256 x, uint256 y)
        private
        view
    {
        (uint256 xBefore, uint256 yBefore) = (wordOf(call, place), wordOf(call, place + 32));
        setWord(call, place, x);
        setWord(call, place + 32, y);
        vm.assertFalse(accepts(call), "another point");
        setWord(call, place, xBefore);
        setWord(call, place + 32, yBefore);
    }

    /// @dev W and T of a step are not interchangeable, nor are two steps' points.
    function test_verify_refusesStepsPointsSwapped() public view {
        bytes memory call = _call;
        for (uint256 place = _proofAt; place + 64 < _proofAt + 64 * (2 * _k - 1); place += 64) {
            swapPoints(call, place, place + 64);
            vm.assertFalse(accepts(call), "swapped");
            swapPoints(call, place, place + 64);
        }
        vm.assertTrue(accepts(call), "accepted as it was");
    }

    function swapPoints(bytes memory call, uint256 a, uint256 b) private pure {
        for (uint256 i = 0; i < 64; i += 32) {
            uint256 word = wordOf(call, a + i);
            setWord(call, a + i, wordOf(call, b + i));
            setWord(call, b + i, word);
        }
    }
}
