// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "./base/TestBase.sol";
import {FIELD_ORDER} from "src/types/Word.sol";
import {BASE_FIELD_ORDER, Curve, PointG2, Sum} from "src/verifier/Curve.sol";
import {Key, pinnedKey} from "src/verifier/Key.sol";
import {Scalar} from "src/verifier/Scalar.sol";

/// @dev Sums of points follow the scalars' arithmetic; a point that is none, or a coordinate of p or
/// more, makes every function false, for a bounded price.
contract CurveTest is TestBase {
    using Curve for Sum;

    function testFuzz_sums_followTheScalars(uint256 a, uint256 b, uint256 c) public view {
        (a, b, c) = (a % FIELD_ORDER, b % FIELD_ORDER, c % FIELD_ORDER);
        Sum memory sum = multiple(a);
        Sum memory other = multiple(b);
        vm.assertTrue(sum.add(other.x, other.y), "add");
        checkEqual(sum, addmod(a, b, FIELD_ORDER));
        vm.assertTrue(sum.addMultiple(other.x, other.y, Scalar.wrap(c)), "add multiple");
        uint256 value = addmod(addmod(a, b, FIELD_ORDER), mulmod(b, c, FIELD_ORDER), FIELD_ORDER);
        checkEqual(sum, value);
        vm.assertTrue(sum.subtract(other), "subtract");
        value = addmod(value, FIELD_ORDER - b, FIELD_ORDER);
        checkEqual(sum, value);
        vm.assertTrue(sum.multiply(Scalar.wrap(c)), "multiply");
        checkEqual(sum, mulmod(value, c, FIELD_ORDER));
        checkWeighedSum([a, b, c], 3);
        checkWeighedSum([a, b, c], 1);
    }

    function checkWeighedSum(uint256[3] memory scalars, uint256 count) private view {
        uint256[6] memory points;
        uint256 expected = 0;
        for (uint256 i = count; i > 0; --i) {
            Sum memory point = multiple(scalars[i - 1]);
            (points[2 * i - 2], points[2 * i - 1]) = (point.x, point.y);
            expected = addmod(mulmod(expected, 7, FIELD_ORDER), scalars[i - 1], FIELD_ORDER);
        }
        (bool done, Sum memory sum) = Curve.weighedSum(place(points), count, Scalar.wrap(7));
        vm.assertTrue(done, "weighed sum");
        checkEqual(sum, expected);
    }

    function test_infinity() public view {
        Sum memory sum;
        vm.assertTrue(sum.add(0, 0) && sum.multiply(Scalar.wrap(5)), "infinity is a point");
        vm.assertTrue(sum.addMultiple(1, 2, Scalar.wrap(0)), "zero times");
        vm.assertTrue(sum.x == 0 && sum.y == 0, "infinity");
        Sum memory none;
        vm.assertTrue(sum.subtract(none), "minus infinity");
        vm.assertTrue(sum.x == 0 && sum.y == 0, "infinity");
    }

    /// @dev e(aG, H) = e(bG, H) exactly if a = b, for infinity too.
    function testFuzz_pairings_tellSumsApart(uint256 a, uint256 b) public view {
        (a, b) = (a % FIELD_ORDER, b % FIELD_ORDER);
        PointG2 memory h = pinnedKey().h;
        vm.assertTrue(multiple(a).pairingsEqual(h, multiple(a), h), "equal");
        vm.assertEq(multiple(a).pairingsEqual(h, multiple(b), h), a == b, "as the scalars are");
        vm.assertTrue(multiple(0).pairingsEqual(h, multiple(0), h), "infinity");
        Key memory key = pinnedKey();
        vm.assertFalse(multiple(1).pairingsEqual(h, multiple(1), key.tauH), "another point of G2");
    }

    // --- What is no point -------------------------------------------------------------------

    function test_whatIsNoPoint_isRefusedEverywhere() public view {
        checkRefused(1, 3);
        checkRefused(1 + BASE_FIELD_ORDER, 2);
        checkRefused(1, 2 + BASE_FIELD_ORDER);
        checkRefused(BASE_FIELD_ORDER, 0);
        checkRefused(0, BASE_FIELD_ORDER);
        checkRefused(BASE_FIELD_ORDER, BASE_FIELD_ORDER);
        checkRefused(type(uint256).max, type(uint256).max);
        checkRefused(0, 1);
    }

    function checkRefused(uint256 x, uint256 y) private view {
        uint256 before = gasleft();
        vm.assertFalse(multiple(1).add(x, y), "as a term");
        vm.assertFalse(multiple(1).addMultiple(x, y, Scalar.wrap(1)), "as a multiple");
        vm.assertFalse(multiple(1).addMultiple(x, y, Scalar.wrap(0)), "as a multiple by zero");
        Sum memory sum;
        (sum.x, sum.y) = (x, y);
        vm.assertFalse(sum.add(1, 2), "as a sum");
        vm.assertFalse(sum.addMultiple(1, 2, Scalar.wrap(1)), "as a sum");
        vm.assertFalse(sum.multiply(Scalar.wrap(1)), "multiplied");
        for (uint256 i = 0; i < 3; ++i) {
            uint256[6] memory points = [uint256(1), 2, 1, 2, 1, 2];
            (points[2 * i], points[2 * i + 1]) = (x, y);
            (bool done,) = Curve.weighedSum(place(points), 3, Scalar.wrap(3));
            vm.assertFalse(done, "in a weighed sum");
        }
        vm.assertLe(before - gasleft(), 400_000, "gas");
    }

    // --- Helpers ----------------------------------------------------------------------------

    function multiple(uint256 scalar) private view returns (Sum memory sum) {
        vm.assertTrue(sum.addMultiple(1, 2, Scalar.wrap(scalar)), "multiple of the generator");
    }

    function checkEqual(Sum memory sum, uint256 scalar) private view {
        Sum memory expected = multiple(scalar);
        vm.assertEq(sum.x, expected.x, "x");
        vm.assertEq(sum.y, expected.y, "y");
    }

    function place(uint256[6] memory points) private pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := points
        }
    }
}
