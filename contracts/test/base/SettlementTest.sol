// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ExitTree} from "./ExitTree.sol";
import {Keys} from "./Keys.sol";
import {StatementVerifier} from "./StatementVerifier.sol";
import {Steps} from "./Steps.sol";
import {TestBase} from "./TestBase.sol";
import {MoodyToken, PlainToken} from "./Tokens.sol";
import {Settlement} from "src/Settlement.sol";
import {ISettlement} from "src/interfaces/ISettlement.sol";
import {AssetId} from "src/types/AssetId.sol";
import {Claim} from "src/types/Claim.sol";
import {EpochNumber} from "src/types/EpochNumber.sol";
import {RollupId} from "src/types/RollupId.sol";
import {SettlementKey} from "src/types/SettlementKey.sol";
import {EmittedCell, EmittedRollup} from "src/types/StepOutput.sol";

/// @dev A domain of three rollups and two assets: Ether, 18 decimals kept as 9, and a token of 6.
/// The verifier accepts only the statement that was proven.
abstract contract SettlementTest is TestBase {
    address internal constant ETHER = address(0);
    uint32 internal constant DOMAIN = 7;
    bytes32 internal constant GENESIS = bytes32(uint256(12345));
    uint256 internal constant ETHER_UNIT = 1e9;
    uint256 internal constant ATOMS_LIMIT = 2 ** 96 - 1;
    uint256 internal constant FIELD =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    address internal immutable OWNER = account("owner");
    address internal immutable GUARDIAN = account("guardian");
    address internal immutable ALICE = account("alice");
    address internal immutable BOB = account("bob");

    RollupId internal constant A = RollupId.wrap(1);
    RollupId internal constant B = RollupId.wrap(2);
    RollupId internal constant C = RollupId.wrap(3);
    AssetId internal constant ETH = AssetId.wrap(1);
    AssetId internal constant USD = AssetId.wrap(2);

    Settlement internal settlement;
    StatementVerifier internal verifier;
    MoodyToken internal token;

    EmittedCell[] internal cells;
    EmittedRollup[] internal rollups;
    bytes32[] internal leaves;

    function setUp() public virtual {
        verifier = new StatementVerifier("statement verifier");
        settlement = newSettlement(OWNER, DOMAIN, verifier, GENESIS);
        token = new MoodyToken();
        vm.startPrank(OWNER);
        settlement.registerAsset(ETHER, 18, 9);
        settlement.registerAsset(address(token), 6, 6);
        for (uint256 n = 1; n <= 3; ++n) {
            settlement.registerRollup(Keys.key(n).x, Keys.key(n).y);
        }
        settlement.setGuardian(GUARDIAN);
        vm.stopPrank();
    }

    // --- Deposits ---------------------------------------------------------------------------

    function depositEther(RollupId rollup, uint96 atoms) internal {
        uint256 amount = uint256(atoms) * ETHER_UNIT;
        vm.deal(ALICE, amount);
        vm.prank(ALICE);
        settlement.deposit{value: amount}(rollup, ETH, amount);
    }

    function depositToken(RollupId rollup, uint96 atoms) internal {
        token.mint(ALICE, atoms);
        vm.startPrank(ALICE);
        token.approve(address(settlement), atoms);
        settlement.deposit(rollup, USD, atoms);
        vm.stopPrank();
    }

    // --- The epoch being written ------------------------------------------------------------

    function emitCell(RollupId r, AssetId a, uint96 balance, uint96 deposited, uint96 exited)
        internal
    {
        cells.push(EmittedCell(r, a, balance, deposited, exited));
    }

    function emitRollup(RollupId r, uint64 nextHeight, bytes32 exitRoot) internal {
        SettlementKey memory key = Keys.key(RollupId.unwrap(r));
        rollups.push(EmittedRollup(r, nextHeight, l2RootAt(r, nextHeight), exitRoot, key.x, key.y));
    }

    /// @dev Any 32 bytes will do as an L2 root.
    function l2RootAt(RollupId r, uint64 nextHeight) internal pure returns (bytes32) {
        return keccak256(abi.encode("L2 root", r, nextHeight));
    }

    /// @dev Registers what is missing of so many rollups and assets.
    function register(uint256 rollupCount, uint256 assetCount) internal {
        vm.startPrank(OWNER);
        while (settlement.assetCount() < assetCount) {
            settlement.registerAsset(address(new PlainToken(6)), 6, 6);
        }
        for (uint256 n = settlement.rollupCount() + 1; n <= rollupCount; ++n) {
            settlement.registerRollup(Keys.key(n).x, Keys.key(n).y);
        }
        vm.stopPrank();
    }

    /// @dev Every rollup deposits Ether and lets half of it exit; its other cells are touched too.
    function emitDomain(uint16 rollupCount, uint16 assetCount) internal {
        for (uint16 r = 1; r <= rollupCount; ++r) {
            (uint96 balance,,,) = settlement.cell(RollupId.wrap(r), ETH);
            depositEther(RollupId.wrap(r), 10);
            emitCell(RollupId.wrap(r), ETH, balance + 5, 10, 5);
            for (uint16 a = 2; a <= assetCount; ++a) {
                emitCell(RollupId.wrap(r), AssetId.wrap(a), 0, 0, 0);
            }
            (,, uint64 height) = settlement.rollup(RollupId.wrap(r));
            emitRollup(RollupId.wrap(r), height + 1, bytes32(uint256(r)));
        }
    }

    function buildSteps() internal view returns (uint256[90][] memory) {
        return Steps.build(nextDigest(), cells, rollups);
    }

    /// @dev Any canonical word will do as a closing digest here, another one every epoch.
    function nextDigest() internal view returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(settlement.stateDigest()))) >> 8);
    }

    function nextEpoch() internal view returns (EpochNumber) {
        return settlement.epoch().next();
    }

    function prove(uint256[90][] memory steps) internal view returns (bytes memory) {
        return proveWords(Steps.pack(steps));
    }

    /// @dev The proof of whatever words are given as steps.
    function proveWords(uint256[] memory words) internal view returns (bytes memory) {
        return verifier.prove(
            settlement.domainWord(), nextEpoch(), uint256(settlement.stateDigest()), words
        );
    }

    /// @dev Settles what was emitted since the last time, and forgets it.
    function settleEpoch() internal {
        uint256[90][] memory steps = buildSteps();
        settlement.settle(nextEpoch(), Steps.pack(steps), BOOKS, prove(steps));
        forget();
    }

    function forget() internal {
        delete cells;
        delete rollups;
    }

    /// @dev `steps`, with a right proof of exactly them, are refused with `reason`.
    function checkRefused(uint256[90][] memory steps, bytes memory reason) internal {
        checkWordsRefused(Steps.pack(steps), reason);
    }

    /// @dev The same for words that need not be steps.
    function checkWordsRefused(uint256[] memory words, bytes memory reason) internal {
        bytes memory proof = proveWords(words);
        EpochNumber number = nextEpoch();
        bytes32 digest = settlement.stateDigest();
        vm.expectRevert(reason);
        settlement.settle(number, words, BOOKS, proof);
        vm.assertEq(settlement.stateDigest(), digest, "digest unchanged");
        forget();
    }

    function checkRefused(bytes memory reason) internal {
        checkRefused(buildSteps(), reason);
    }

    /// @dev 100 Ether and 50 tokens in rollup A, settled as epoch 1.
    function settleDeposits() internal {
        depositEther(A, 100);
        depositToken(A, 50);
        emitCell(A, ETH, 100, 100, 0);
        emitCell(A, USD, 50, 50, 0);
        emitRollup(A, 1, bytes32(uint256(1)));
        settleEpoch();
    }

    function checkCell(
        RollupId r,
        AssetId a,
        uint96 balance,
        uint128 total,
        uint128 settled,
        uint64 lastEpoch
    ) internal view {
        (uint96 b, uint128 t, uint128 s, EpochNumber e) = settlement.cell(r, a);
        vm.assertEq(b, balance, "balance");
        vm.assertEq(t, total, "deposited total");
        vm.assertEq(s, settled, "deposited settled");
        vm.assertEq(EpochNumber.unwrap(e), lastEpoch, "last epoch");
    }

    // --- Exits ------------------------------------------------------------------------------

    /// @dev Appends an exit to the tree under test; its index is the number of exits before.
    function appendExit(RollupId r, AssetId a, address recipient, uint96 atoms)
        internal
        returns (Claim memory c)
    {
        uint32 index = uint32(leaves.length);
        c = Claim(EpochNumber.wrap(1), r, index, a, recipient, atoms);
        leaves.push(leafOf(c));
    }

    function leafOf(Claim memory c) internal pure returns (bytes32) {
        bytes memory fields = abi.encode(
            RollupId.unwrap(c.rollup), c.index, AssetId.unwrap(c.asset), c.recipient, c.atoms
        );
        return keccak256(bytes.concat(keccak256(fields)));
    }

    function treeRoot() internal view returns (bytes32) {
        return ExitTree.root(leaves, leaves.length);
    }

    function pathOf(uint256 index) internal view returns (bytes32[] memory) {
        return ExitTree.path(leaves, leaves.length, index);
    }

    // --- Refusals ---------------------------------------------------------------------------

    function refusal(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function unknownRollup(uint16 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.UnknownRollup.selector, id);
    }

    function unknownAsset(uint16 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.UnknownAsset.selector, id);
    }
}
