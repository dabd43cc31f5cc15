// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";
import {Settlement} from "src/Settlement.sol";
import {IEpochVerifier} from "src/interfaces/IEpochVerifier.sol";
import {EpochVerifier} from "src/verifier/EpochVerifier.sol";

/// @dev What forge needs to see in a test contract, and small conveniences.
abstract contract TestBase {
    bool public constant IS_TEST = true;

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev A value of [low, high], from any fuzzed one; edges as they are.
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        if (value >= low && value <= high) return value;
        uint256 size = high - low + 1;
        return size == 0 ? value : low + value % size;
    }

    function account(string memory name) internal pure returns (address) {
        return address(uint160(uint256(keccak256(bytes(name)))));
    }

    /// @dev What a settlement says of the books, in every test that does not look at it.
    bytes32 internal constant BOOKS = keccak256("the books");

    /// @dev Seconds until anybody may settle, in every test.
    uint64 internal constant GRACE = 7 days;

    /// @dev As `new Settlement(…)` with the test itself as settler.
    function newSettlement(
        address owner,
        uint32 domain,
        IEpochVerifier verifier,
        bytes32 genesisDigest
    ) internal returns (Settlement) {
        bytes memory arguments = abi.encode(
            owner, domain, verifier, genesisDigest, address(this), GRACE
        );
        return Settlement(committed("Settlement", arguments));
    }

    /// @dev As `new EpochVerifier()`.
    function newVerifier() internal returns (EpochVerifier) {
        return EpochVerifier(committed("EpochVerifier", ""));
    }

    /// @dev What the committed `abi/NAME.json` deploys, the one that other languages use: what is tested is what is
    /// deployed, and the tests around it need no optimiser, which takes minutes for them.
    function committed(string memory name, bytes memory arguments) internal returns (address) {
        return create(bytes.concat(creationCode(name), arguments));
    }

    function creationCode(string memory name) internal view returns (bytes memory) {
        string memory json = vm.readFile(string.concat("./abi/", name, ".json"));
        return vm.parseJsonBytes(json, ".bytecode");
    }

    function create(bytes memory code) internal returns (address made) {
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        require(made != address(0), "not created");
    }
}
