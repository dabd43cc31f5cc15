// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ProofTest} from "./base/ProofTest.sol";

contract EpochVerifierTest is ProofTest {
    event Gas(uint256 k, uint256 gas);

    function test_verify_acceptsEveryRealProof() public {
        vm.assertEq(verifier.verificationKeyId(), verificationKeyId(), "key");
        uint256 count = caseCount();
        for (uint256 i = 0; i < count; ++i) {
            Case memory c = caseAt(i);
            bytes memory call = abi.encodeCall(verifier.verify, (c.domainWord, c.epoch, c.openingDigest, c.steps, c.proof));
            uint256 before = gasleft();
            (bool done, bytes memory result) = address(verifier).staticcall(call);
            emit Gas(c.steps.length, before - gasleft());
            vm.assertTrue(done, "done");
            vm.assertTrue(abi.decode(result, (bool)), "accepted");
        }
    }
}
