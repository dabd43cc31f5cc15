// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AnyKeyVerifier} from "./base/AnyKeyVerifier.sol";
import {Case, ProofTest} from "./base/ProofTest.sol";
import {DevelopmentChains} from "src/DevelopmentChains.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {BASE_FIELD_ORDER, Point} from "src/verifier/Curve.sol";
import {EpochVerifier} from "src/verifier/EpochVerifier.sol";
import {Opening} from "src/verifier/Fold.sol";
import {Key, pinnedKey} from "src/verifier/Key.sol";
import {VERIFICATION_KEY_ID} from "src/verifier/VerificationKey.sol";

/// @dev The verifier says yes to what Rust proved and to nothing else: not to another statement, not
/// to a proof of another length, not under another key.
contract EpochVerifierTest is ProofTest {
    function test_verify_acceptsEveryRealProof() public view {
        bytes32 id = vm.parseJsonBytes32(vm.readFile(VECTORS), ".verification_key_id");
        vm.assertEq(verifier.verificationKeyId(), id, "the vectors' key");
        uint256 count = caseCount();
        vm.assertGe(count, 3, "cases");
        for (uint256 i = 0; i < count; ++i) {
            checkAccepted(caseAt(i));
        }
    }

    // --- Another statement ------------------------------------------------------------------

    function test_verify_refusesAnotherEpoch() public view {
        Case memory c = smallCase();
        uint64 epoch = EpochNumber.unwrap(c.epoch);
        for (uint256 bit = 0; bit < 64; ++bit) {
            c.epoch = EpochNumber.wrap(epoch ^ uint64(1 << bit));
            checkRefused(c, "another epoch");
        }
    }

    function test_verify_refusesAnotherDomainWord() public view {
        bytes memory call = encode(smallCase());
        checkEveryByteMatters(call, 4, 4 + 32);
    }

    function test_verify_refusesAnotherOpeningDigest() public view {
        bytes memory call = encode(smallCase());
        checkEveryByteMatters(call, 4 + 64, 4 + 96);
    }

    /// @dev Every proof with every other case's statement.
    function test_verify_refusesAnotherStatementsProof() public view {
        uint256 count = caseCount();
        for (uint256 i = 0; i < count; ++i) {
            Case memory c = caseAt(i);
            c.proof = caseAt((i + 1) % count).proof;
            checkRefused(c, "another proof");
        }
    }

    // --- Other steps ------------------------------------------------------------------------

    function test_verify_refusesSwappedSteps() public view {
        Case memory c = smallCase();
        uint256[][] memory steps = split(c.steps);
        (steps[0], steps[1]) = (steps[1], steps[0]);
        c.steps = join(steps);
        checkRefused(c, "steps swapped, points as they were");
        c.proof = bytes.concat(
            slice(c.proof, 64, 128), slice(c.proof, 0, 64), slice(c.proof, 128, c.proof.length)
        );
        checkRefused(c, "steps swapped with their points");
    }

    function test_verify_refusesADroppedStep() public view {
        uint256[][] memory whole = split(smallCase().steps);
        uint256 count = whole.length;
        for (uint256 dropped = 0; dropped < count; ++dropped) {
            Case memory c = smallCase();
            uint256[][] memory steps = new uint256[][](count - 1);
            for (uint256 j = 0; j + 1 < count; ++j) {
                steps[j] = whole[j < dropped ? j : j + 1];
            }
            c.steps = join(steps);
            checkRefused(c, "dropped, its points still there");
            uint256 points = dropped == 0 ? 0 : 64 + 128 * (dropped - 1);
            c.proof = bytes.concat(
                slice(c.proof, 0, points), slice(c.proof, points + 128, c.proof.length)
            );
            checkRefused(c, "dropped with its points");
        }
    }

    function test_verify_refusesARepeatedStep() public view {
        uint256[][] memory whole = split(smallCase().steps);
        uint256 count = whole.length;
        for (uint256 repeated = 1; repeated < count; ++repeated) {
            Case memory c = smallCase();
            uint256[][] memory steps = new uint256[][](count + 1);
            for (uint256 j = 0; j <= count; ++j) {
                steps[j] = whole[j <= repeated ? j : j - 1];
            }
            c.steps = join(steps);
            checkRefused(c, "repeated, its points only once");
            uint256 points = 64 + 128 * (repeated - 1);
            c.proof = bytes.concat(
                slice(c.proof, 0, points + 128),
                slice(c.proof, points, points + 128),
                slice(c.proof, points + 128, c.proof.length)
            );
            checkRefused(c, "repeated with its points");
        }
    }

    /// @dev A step that adds nothing to the folded instance still shifts every challenge after it.
    function test_verify_refusesAnExtraEmptyStep() public view {
        Case memory c = smallCase();
        uint256[][] memory steps = new uint256[][](2);
        (steps[0], steps[1]) = (c.steps, new uint256[](2));
        uint256 points = 64 + 128 * (split(c.steps).length - 1);
        c.steps = join(steps);
        c.proof = bytes.concat(
            slice(c.proof, 0, points), new bytes(128), slice(c.proof, points, c.proof.length)
        );
        checkRefused(c, "an empty step");
    }

    function test_verify_refusesNoStepsAndTooMany() public view {
        Case memory c = smallCase();
        c.steps = new uint256[](0);
        checkRefused(c, "no steps");
        c.proof = slice(c.proof, 320, c.proof.length);
        checkRefused(c, "no steps and none's points");
        c.steps = new uint256[](2 * 129);
        (,,,, uint256 length) = partsOf(129);
        c.proof = new bytes(length);
        checkRefused(c, "129 steps");
    }

    // --- What is no step --------------------------------------------------------------------

    /// @dev One word less or more, at every step's end and at the list's.
    function test_verify_refusesTruncatedAndExtendedSteps() public view {
        Case memory c = smallCase();
        uint256[][] memory whole = split(c.steps);
        for (uint256 j = 0; j < whole.length; ++j) {
            uint256[] memory step = whole[j];
            for (uint256 length = 0; length <= step.length + 9; ++length) {
                if (length == step.length) continue;
                whole[j] = new uint256[](length);
                for (uint256 i = 0; i < length; ++i) {
                    whole[j][i] = i < step.length ? step[i] : 0;
                }
                c.steps = join(whole);
                checkRefused(c, "another length");
            }
            whole[j] = step;
        }
        c.steps = join(whole);
        checkAccepted(c);
    }

    /// @dev Zeros that are counted say nothing but what was proven, and are still refused: a slot that
    /// is counted is used.
    function test_verify_refusesCountedEmptySlots() public view {
        Case memory c = smallCase();
        uint256[][] memory whole = split(c.steps);
        for (uint256 j = 0; j < whole.length; ++j) {
            uint256[] memory step = whole[j];
            uint256 cellsEnd = 2 + 2 * cellCountOf(step[1]);
            whole[j] = insertZeros(step, cellsEnd, 2);
            whole[j][1] += 1 << 64;
            c.steps = join(whole);
            checkRefused(c, "an empty cell");
            whole[j] = insertZeros(step, step.length, 7);
            whole[j][1] += 1 << 72;
            c.steps = join(whole);
            checkRefused(c, "an empty rollup");
            whole[j] = step;
        }
    }

    /// @dev Counts past the slots, and bits above them, with as many words as they ask for.
    function test_verify_refusesCountsPastTheirLimits() public view {
        Case memory c = smallCase();
        uint256[] memory steps = c.steps;
        for (uint256 bit = 64; bit < 256; ++bit) {
            uint256[] memory flipped = insertZeros(steps, steps.length, 0);
            flipped[1] ^= 1 << bit;
            c.steps = flipped;
            checkRefused(c, "another count");
        }
        c.steps = new uint256[](2 + 2 * 17);
        c.steps[1] = 17 << 64;
        checkRefused(c, "17 cells");
        c.steps = new uint256[](2 + 7 * 9);
        c.steps[1] = 9 << 72;
        checkRefused(c, "9 rollups");
    }

    // --- Another length ---------------------------------------------------------------------

    function test_verify_refusesATruncatedProof() public view {
        Case memory c = smallCase();
        bytes memory proof = c.proof;
        uint16[8] memory cuts = [1, 31, 32, 33, 64, 96, 128, 1000];
        for (uint256 i = 0; i < cuts.length; ++i) {
            c.proof = slice(proof, 0, proof.length - cuts[i]);
            checkRefused(c, "without its end");
            c.proof = slice(proof, cuts[i], proof.length);
            checkRefused(c, "without its beginning");
        }
        c.proof = "";
        checkRefused(c, "nothing");
    }

    function test_verify_refusesAnExtendedProof() public view {
        Case memory c = smallCase();
        bytes memory proof = c.proof;
        uint16[6] memory lengths = [1, 31, 32, 64, 96, 1000];
        for (uint256 i = 0; i < lengths.length; ++i) {
            c.proof = bytes.concat(proof, new bytes(lengths[i]));
            checkRefused(c, "something behind it");
            c.proof = bytes.concat(new bytes(lengths[i]), proof);
            checkRefused(c, "something before it");
        }
    }

    // --- Another key ------------------------------------------------------------------------

    /// @dev Each part of the key matters; a shape that the proof's length does not fit is refused
    /// before anything is read.
    function test_verify_refusesAnotherKey() public {
        Key[14] memory keys;
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = pinnedKey();
        }
        keys[1].digest ^= 1;
        keys[2].logConstraints -= 1;
        keys[3].logVariables -= 1;
        keys[4].logEntries -= 1;
        Point[7] memory points = [
            keys[5].row,
            keys[6].col,
            keys[7].valA,
            keys[8].valB,
            keys[9].valC,
            keys[10].tsRow,
            keys[11].tsCol
        ];
        for (uint256 i = 0; i < points.length; ++i) {
            points[i].y = BASE_FIELD_ORDER - points[i].y;
        }
        keys[12].h = keys[12].tauH;
        keys[13].tauH = keys[13].h;

        AnyKeyVerifier any = new AnyKeyVerifier();
        Case memory c = smallCase();
        Opening memory opening = Opening(c.domainWord, EpochNumber.unwrap(c.epoch), c.openingDigest);
        for (uint256 i = 0; i < keys.length; ++i) {
            bool accepted = any.verify(keys[i], opening, c.steps, c.proof);
            vm.assertEq(accepted, i == 0, vm.toString(i));
        }
    }

    // --- Insecure setup ---------------------------------------------------------------------

    function test_constructor_saysThatTheSetupIsInsecure() public {
        uint256[2] memory chains = [uint256(31337), 1337];
        for (uint256 i = 0; i < 2; ++i) {
            vm.chainId(chains[i]);
            vm.expectEmit();
            emit EpochVerifier.InsecureDevelopmentSetup(chains[i], VERIFICATION_KEY_ID);
            verifier = newVerifier();
            checkAccepted(smallCase());
        }
    }

    function testFuzz_insecureSetup_refusesEveryOtherChain(uint64 chain) public {
        vm.assume(chain != 31337 && chain != 1337 && chain != 0);
        Case memory c = smallCase();
        bytes memory reason =
            abi.encodeWithSelector(DevelopmentChains.NotADevelopmentChain.selector, uint256(chain));
        vm.chainId(chain);
        vm.expectRevert(reason);
        newVerifier();
        vm.expectRevert(reason); // Deployed on a development chain that was forked into another.
        verifier.verify(c.domainWord, c.epoch, c.openingDigest, c.steps, c.proof);
    }

    // --- Helpers ----------------------------------------------------------------------------

    function insertZeros(uint256[] memory step, uint256 place, uint256 count)
        private
        pure
        returns (uint256[] memory longer)
    {
        longer = new uint256[](step.length + count);
        for (uint256 i = 0; i < step.length; ++i) {
            longer[i < place ? i : i + count] = step[i];
        }
    }

    function slice(bytes memory whole, uint256 from, uint256 to)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(to - from);
        assembly ("memory-safe") {
            mcopy(add(part, 0x20), add(add(whole, 0x20), from), sub(to, from))
        }
    }
}
