// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SettlementTest} from "./base/SettlementTest.sol";
import {Steps} from "./base/Steps.sol";
import {Settlement} from "src/Settlement.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev The domain word binds chain, contract, domain and verification key, and with it every
/// statement and signature.
contract DomainWordTest is SettlementTest {
    function test_domainWord_recomputed() public view {
        uint256 expected = uint256(
            keccak256(
                abi.encode(
                    "netfold.domain.v1",
                    block.chainid,
                    address(settlement),
                    DOMAIN,
                    bytes32("statement verifier")
                )
            )
        ) >> 8;
        vm.assertEq(settlement.domainWord(), expected, "word");
        vm.assertTrue(expected < FIELD, "canonical");
    }

    /// @dev Word by word, without `abi.encode`: offset of the name, the four values, then the name.
    function test_domainWord_byteByByte() public view {
        bytes memory identity = bytes.concat(
            bytes32(uint256(0xa0)),
            bytes32(block.chainid),
            bytes32(uint256(uint160(address(settlement)))),
            bytes32(uint256(7)),
            bytes32("statement verifier"),
            bytes32(uint256(17)),
            bytes32("netfold.domain.v1")
        );
        vm.assertEq(settlement.domainWord(), uint256(keccak256(identity)) >> 8, "word");
    }

    function testFuzz_domainWord_differsWithEveryPart(uint64 chain, uint32 domain) public {
        uint256 word = settlement.domainWord();
        Settlement twin = newSettlement(OWNER, DOMAIN, verifier, GENESIS);
        vm.assertTrue(twin.domainWord() != word, "another address");
        Settlement other = newSettlement(OWNER, domain, verifier, GENESIS);
        vm.assertTrue(other.domainWord() != word, "another domain");
        vm.assume(chain != block.chainid && chain != 0);
        vm.chainId(chain);
        vm.assertTrue(settlement.domainWord() != word, "another chain");
    }

    /// @dev A proof for one chain is worth nothing on the other side of a fork, nor for a twin.
    function test_settle_refusesAProofOfAnotherDomain() public {
        uint256[90][] memory steps = buildSteps();
        bytes memory proof = prove(steps);
        bytes memory reason = abi.encodeWithSelector(ISettlement.ProofRefused.selector, 1);
        Settlement twin = newSettlement(OWNER, DOMAIN, verifier, GENESIS);
        vm.expectRevert(reason);
        twin.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
        vm.chainId(1);
        vm.expectRevert(reason);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
        vm.chainId(31337);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, proof);
    }
}
