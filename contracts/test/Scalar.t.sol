// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "./base/TestBase.sol";
import {FIELD_ORDER} from "src/types/Word.sol";
import {Scalar, inverse} from "src/verifier/Scalar.sol";

/// @dev Inverses are inverses, and zero has none.
contract ScalarTest is TestBase {
    function testFuzz_inverse_isOne(uint256 word) public view {
        Scalar a = Scalar.wrap(word % FIELD_ORDER);
        (bool done, Scalar b) = inverse(a);
        vm.assertEq(done, Scalar.unwrap(a) != 0, "has an inverse");
        if (done) vm.assertEq(Scalar.unwrap(a * b), 1, "product");
    }

    function test_inverse_edges() public view {
        (bool done,) = inverse(Scalar.wrap(0));
        vm.assertFalse(done, "zero");
        testFuzz_inverse_isOne(1);
        testFuzz_inverse_isOne(FIELD_ORDER - 1);
    }
}
