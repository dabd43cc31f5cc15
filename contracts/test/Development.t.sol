// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DevelopmentVerifier} from "./base/DevelopmentVerifier.sol";
import {Steps} from "./base/Steps.sol";
import {TestBase} from "./base/TestBase.sol";
import {DevelopmentToken} from "script/DevelopmentToken.sol";
import {DevelopmentChains} from "src/DevelopmentChains.sol";
import {Settlement} from "src/Settlement.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";

/// @dev What checks nothing or makes money out of nothing works on development chains only.
contract DevelopmentTest is TestBase {
    function testFuzz_verifier_refusesEveryOtherChain(uint64 chain) public {
        vm.assume(chain != 31337 && chain != 1337 && chain != 0);
        DevelopmentVerifier verifier = new DevelopmentVerifier();
        bytes memory reason =
            abi.encodeWithSelector(DevelopmentChains.NotADevelopmentChain.selector, uint256(chain));
        vm.chainId(chain);
        vm.expectRevert(reason);
        new DevelopmentVerifier();
        vm.expectRevert(reason); // Deployed on a development chain that was forked into another.
        verifier.verify(1, EpochNumber.wrap(1), 1, new uint256[](2), "");
    }

    function test_verifier_refusesMainnet() public {
        testFuzz_verifier_refusesEveryOtherChain(1);
    }

    /// @dev A settlement contract on it cannot settle off a development chain either.
    function test_verifier_stopsSettlementElsewhere() public {
        Settlement settlement =
            newSettlement(account("owner"), 1, new DevelopmentVerifier(), bytes32(uint256(1)));
        uint256[90][] memory steps = new uint256[90][](1);
        Steps.finish(steps, bytes32(uint256(2)));
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(DevelopmentChains.NotADevelopmentChain.selector, 1));
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, "");
        vm.chainId(31337);
        settlement.settle(EpochNumber.wrap(1), Steps.pack(steps), BOOKS, "");
        vm.assertEq(settlement.stateDigest(), bytes32(uint256(2)), "digest");
    }

    function testFuzz_token_mintsForAnybody(address to, uint128 amount, uint8 decimals) public {
        vm.assume(to != address(0));
        DevelopmentToken token = new DevelopmentToken("Development USD", "dUSD", decimals);
        token.mint(to, amount);
        vm.assertEq(token.balanceOf(to), amount, "minted");
        vm.assertEq(token.decimals(), decimals, "decimals");
        vm.assertEq(keccak256(bytes(token.symbol())), keccak256("dUSD"), "symbol");
    }

    function testFuzz_token_refusesEveryOtherChain(uint64 chain) public {
        vm.assume(chain != 31337 && chain != 1337 && chain != 0);
        DevelopmentToken token = new DevelopmentToken("Development USD", "dUSD", 6);
        bytes memory reason =
            abi.encodeWithSelector(DevelopmentChains.NotADevelopmentChain.selector, uint256(chain));
        vm.chainId(chain);
        vm.expectRevert(reason);
        new DevelopmentToken("Development USD", "dUSD", 6);
        vm.expectRevert(reason);
        token.mint(address(this), 1);
    }

    /// @dev Where the next `new` of `from` will land, for nonces below 128.
    function nextContract(address from) private returns (address) {
        uint64 nonce = NonceCheat(address(vm)).getNonce(from);
        bytes memory rlp = bytes.concat(hex"d694", bytes20(from), bytes1(uint8(nonce)));
        return address(uint160(uint256(keccak256(rlp))));
    }
}

interface NonceCheat {
    function getNonce(address who) external returns (uint64);
}
