// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "./base/TestBase.sol";
import {FIELD_ORDER} from "src/types/Word.sol";
import {Multilinear} from "src/verifier/Multilinear.sol";
import {Scalar} from "src/verifier/Scalar.sol";

/// @dev The verifier's own polynomials are what their definitions say, summed over all indices of
/// the hypercube in plain arithmetic.
contract MultilinearTest is TestBase {
    uint256 private constant R = FIELD_ORDER;
    uint256 private constant VARIABLES = 7;
    uint256 private constant SIZE = 2 ** VARIABLES;

    function testFuzz_eq_isItsDefinition(bytes32 seed) public pure {
        (uint256[] memory a, uint256[] memory b) = (draw(seed, 0), draw(seed, 1));
        uint256 expected = 0;
        for (uint256 i = 0; i < SIZE; ++i) {
            expected = addmod(expected, mulmod(chi(a, i), chi(b, i), R), R);
        }
        check(Multilinear.eq(wrap(a), wrap(b), 0, VARIABLES), expected);
        // Of two parts, the product.
        Scalar high = Multilinear.eq(wrap(a), wrap(b), 0, 3);
        Scalar low = Multilinear.eq(wrap(a), wrap(b), 3, VARIABLES);
        check(high * low, expected);
    }

    function testFuzz_zeros_isTheWeightOfIndexZero(bytes32 seed) public pure {
        uint256[] memory a = draw(seed, 0);
        check(Multilinear.zeros(wrap(a), 0, VARIABLES), chi(a, 0));
        check(Multilinear.zeros(wrap(a), 2, 2), 1);
    }

    function testFuzz_identity_isTheIndex(bytes32 seed) public pure {
        uint256[] memory a = draw(seed, 0);
        uint256 expected = 0;
        for (uint256 i = 0; i < SIZE; ++i) {
            expected = addmod(expected, mulmod(i, chi(a, i), R), R);
        }
        check(Multilinear.identity(wrap(a)), expected);
    }

    function testFuzz_evaluate_anyNumberOfValues(bytes32 seed, uint256 count) public pure {
        count = bound(count, 1, SIZE);
        uint256[] memory a = draw(seed, 0);
        uint256[] memory values = new uint256[](count);
        uint256 expected = 0;
        for (uint256 i = 0; i < count; ++i) {
            values[i] = element(seed, 1000 + i);
            expected = addmod(expected, mulmod(values[i], chi(a, i), R), R);
        }
        check(Multilinear.evaluate(wrap(values), wrap(a), 0), expected);
        vm.assertEq(values[0], element(seed, 1000), "the values are as they were");
    }

    function test_evaluate_thePublicWords() public pure {
        testFuzz_evaluate_anyNumberOfValues("seed", 78);
        testFuzz_evaluate_anyNumberOfValues("seed", 1);
        testFuzz_evaluate_anyNumberOfValues("seed", SIZE);
    }

    /// @dev Edges of the field, where differences would wrap.
    function test_edges() public pure {
        uint256[3] memory edges = [uint256(0), 1, R - 1];
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                uint256[] memory a = new uint256[](1);
                uint256[] memory b = new uint256[](1);
                (a[0], b[0]) = (edges[i], edges[j]);
                uint256 ones = mulmod(a[0], b[0], R);
                uint256 none = mulmod(addmod(1, R - a[0], R), addmod(1, R - b[0], R), R);
                check(Multilinear.eq(wrap(a), wrap(b), 0, 1), addmod(ones, none, R));
                check(Multilinear.zeros(wrap(a), 0, 1), addmod(1, R - a[0], R));
                check(Multilinear.identity(wrap(a)), a[0]);
                uint256[] memory values = new uint256[](2);
                (values[0], values[1]) = (edges[j], edges[i]);
                uint256 first = mulmod(values[0], addmod(1, R - a[0], R), R);
                uint256 second = mulmod(values[1], a[0], R);
                check(Multilinear.evaluate(wrap(values), wrap(a), 0), addmod(first, second, R));
            }
        }
    }

    // --- Plain arithmetic -------------------------------------------------------------------

    /// @dev The weight of index i at a: the first variable is its highest bit.
    function chi(uint256[] memory a, uint256 i) private pure returns (uint256 product) {
        product = 1;
        for (uint256 v = 0; v < a.length; ++v) {
            bool one = (i >> (a.length - 1 - v)) & 1 == 1;
            product = mulmod(product, one ? a[v] : addmod(1, R - a[v], R), R);
        }
    }

    function draw(bytes32 seed, uint256 salt) private pure returns (uint256[] memory a) {
        a = new uint256[](VARIABLES);
        for (uint256 i = 0; i < VARIABLES; ++i) {
            a[i] = element(seed, 100 * salt + i);
        }
    }

    function element(bytes32 seed, uint256 salt) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, salt))) % R;
    }

    function wrap(uint256[] memory words) private pure returns (Scalar[] memory scalars) {
        assembly ("memory-safe") {
            scalars := words
        }
    }

    function check(Scalar found, uint256 expected) private pure {
        vm.assertEq(Scalar.unwrap(found), expected, "value");
    }
}
