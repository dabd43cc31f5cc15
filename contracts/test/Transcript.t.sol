// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestBase} from "./base/TestBase.sol";
import {FIELD_ORDER} from "src/types/Word.sol";
import {Point} from "src/verifier/Curve.sol";
import {Scalar} from "src/verifier/Scalar.sol";
import {SumCheck} from "src/verifier/SumCheck.sol";
import {Transcript, Transcripts} from "src/verifier/Transcript.sol";

/// @dev The transcript is nova's, recomputed byte by byte; whatever is absorbed, and in what order,
/// changes every challenge after it.
contract TranscriptTest is TestBase {
    using SumCheck for Transcript;
    using Transcripts for Transcript;

    bytes32 private constant NONE = 0;

    /// @dev nova: state = keccak(m | 1) | keccak(m | 0), where m is what was absorbed, "NoDS", the
    /// round in 8 bytes, the state before and the label; a challenge is the state mod r.
    struct Model {
        bytes state;
        uint64 round;
    }

    function testFuzz_challenge_isNovas(bytes32[3] memory words, uint256 x, uint256 y) public view {
        (Model memory m, Transcript memory t) = (start(), Transcripts.create(1000));
        t.absorbKey(uint256(words[0]));
        t.absorbLabel("U");
        t.absorbPoint(Point(x, y));
        t.absorbPoint(Point(0, 0));
        Scalar[] memory io = new Scalar[](2);
        (io[0], io[1]) = (Scalar.wrap(uint256(words[1])), Scalar.wrap(uint256(words[2])));
        t.absorbScalars(io);
        bytes memory absorbed =
            bytes.concat("vk", words[0], "U", point(x, y), point(0, 0), words[1], words[2]);
        check(t.challenge("t"), next(m, absorbed, "t"));
        check(t.challenge("t"), next(m, "", "t"));
        Scalar[] memory list = new Scalar[](4);
        t.challenges("p", list, 1);
        check(list[0], 0);
        for (uint256 i = 1; i < 4; ++i) {
            check(list[i], next(m, "", "p"));
        }
        t.absorbWord("e", uint256(words[0]));
        t.absorbWord("gz", uint256(words[1]));
        t.absorbWord("gzi", uint256(words[2]));
        absorbed = bytes.concat("e", words[0], "gz", words[1], "gzi", words[2]);
        check(t.challenge("pd"), next(m, absorbed, "pd"));
        this.checkCalldata(bytes.concat(words[0], words[1], NONE, NONE));
    }

    /// @dev Points and words that stand in the calldata, from the first challenge on.
    function checkCalldata(bytes calldata data) external pure {
        Model memory m = start();
        Transcript memory t = Transcripts.create(1000);
        uint256 position;
        assembly ("memory-safe") {
            position := data.offset
        }
        t.absorbPoints("wp", position, 2);
        t.absorbWords("e", position, 3);
        (uint256 x, uint256 y) = (uint256(bytes32(data)), uint256(bytes32(data[32:])));
        bytes memory absorbed = bytes.concat("wp", point(x, y), point(0, 0), "e", data[:96]);
        check(t.challenge("c"), next(m, absorbed, "c"));
    }

    /// @dev g(0) + g(1) is the claim before, g(x) the one after, and no word may be r or more.
    function testFuzz_sumCheck_reducesARound(uint256[3] memory c, uint256 claim) public view {
        for (uint256 i = 0; i < 3; ++i) {
            c[i] %= FIELD_ORDER;
        }
        claim %= FIELD_ORDER;
        (bool canonical, uint256 x, uint256 after_) = this.reduce(claim, abi.encode(c));
        vm.assertTrue(canonical, "canonical");
        uint256 c1 = addmod(claim, 4 * FIELD_ORDER - c[0] - c[0] - c[1] - c[2], FIELD_ORDER);
        uint256 value = addmod(c[1], mulmod(c[2], x, FIELD_ORDER), FIELD_ORDER);
        value = addmod(c1, mulmod(value, x, FIELD_ORDER), FIELD_ORDER);
        value = addmod(c[0], mulmod(value, x, FIELD_ORDER), FIELD_ORDER);
        vm.assertEq(after_, value, "g(x)");
        check(Scalar.wrap(x), next(start(), bytes.concat("p", abi.encode(c)), "c"));
        for (uint256 i = 0; i < 3; ++i) {
            c[i] += FIELD_ORDER;
            (canonical,,) = this.reduce(claim, abi.encode(c));
            vm.assertFalse(canonical, "canonical");
            c[i] -= FIELD_ORDER;
        }
    }

    function reduce(uint256 claim, bytes calldata words)
        external
        pure
        returns (bool canonical, uint256 x, uint256)
    {
        uint256 position;
        assembly ("memory-safe") {
            position := words.offset
        }
        Scalar[] memory list = new Scalar[](1);
        Scalar reduced;
        Transcript memory t = Transcripts.create(1000);
        (canonical, reduced) = t.reduce(position, Scalar.wrap(claim), list, 0);
        return (canonical, Scalar.unwrap(list[0]), Scalar.unwrap(reduced));
    }

    // --- nova's transcript, plainly ---------------------------------------------------------

    function start() private pure returns (Model memory m) {
        bytes memory label = "NoTRRelaxedR1CSSNARK";
        m.state = hashes(label);
    }

    function next(Model memory m, bytes memory absorbed, bytes memory label)
        private
        pure
        returns (uint256)
    {
        m.state = hashes(bytes.concat(absorbed, "NoDS", bytes8(m.round), m.state, label));
        ++m.round;
        (uint256 high, uint256 low) = abi.decode(m.state, (uint256, uint256));
        uint256 weight = addmod(type(uint256).max, 1, FIELD_ORDER);
        return addmod(mulmod(high, weight, FIELD_ORDER), low, FIELD_ORDER);
    }

    function hashes(bytes memory m) private pure returns (bytes memory) {
        return
            bytes.concat(keccak256(bytes.concat(m, hex"01")), keccak256(bytes.concat(m, hex"00")));
    }

    function point(uint256 x, uint256 y) private pure returns (bytes memory) {
        return bytes.concat(bytes32(x), bytes32(y), x == 0 && y == 0 ? bytes1(0x01) : bytes1(0));
    }

    function check(Scalar found, uint256 expected) private pure {
        vm.assertEq(Scalar.unwrap(found), expected, "challenge");
    }
}
