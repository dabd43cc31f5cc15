// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Instance} from "src/verifier/Fold.sol";
import {HyperKzg} from "src/verifier/HyperKzg.sol";
import {Key} from "src/verifier/Key.sol";
import {MicroSpartan} from "src/verifier/MicroSpartan.sol";
import {ProofParts, partsOf} from "src/verifier/ProofParts.sol";
import {Scalar} from "src/verifier/Scalar.sol";
import {Transcript, Transcripts} from "src/verifier/Transcript.sol";

contract PhaseHarness {
    function run(Key memory key, Instance memory u, bytes calldata proof) external view returns (bool a, bool b, uint256 gasA, uint256 gasB) {
        uint256 position;
        assembly { position := proof.offset }
        ProofParts memory parts = partsOf(key, 1, position - 64);
        if (parts.end != position + proof.length) return (false, false, 0, 0);
        uint256 g = gasleft();
        Transcript memory t = Transcripts.create(5000);
        Scalar[] memory point;
        (a, point) = MicroSpartan.verify(key, t, u, parts);
        gasA = g - gasleft();
        g = gasleft();
        b = HyperKzg.verify(key, t, u, parts, point);
        gasB = g - gasleft();
    }
}
