// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {IEpochVerifier} from "./interfaces/IEpochVerifier.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {AssetId} from "./types/AssetId.sol";
import {Claim} from "./types/Claim.sol";
import {domainWordOf} from "./types/DomainWord.sol";
import {EpochNumber} from "./types/EpochNumber.sol";
import {
    EXIT_TREE_DEPTH,
    MAX_ASSETS,
    MAX_ROLLUPS,
    MAX_SETTLER_GRACE,
    MAX_STEPS_PER_EPOCH,
    MIN_SETTLER_GRACE
} from "./types/Limits.sol";
import {RollupId} from "./types/RollupId.sol";
import {SettlementKey} from "./types/SettlementKey.sol";
import {EmittedCell, EmittedRollup, STATE_DIGEST_WORD, StepOutputs} from "./types/StepOutput.sol";
import {isCanonical} from "./types/Word.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title Settlement
/// @dev Every function that moves value checks, then writes, then calls out, and holds the
/// reentrancy guard: a recipient that calls back fails its own payment and nobody else's. No proxy:
/// another version is another contract with another domain word.
contract Settlement is Custody, Pausable {
    using BitMaps for BitMaps.BitMap;
    using MerkleProof for bytes32[];
    using StepOutputs for uint256[];

    /// @dev What a settlement reads and writes of a rollup, in one word.
    struct Rollup {
        bytes24 keyDigest;
        uint64 nextHeight;
    }

    /// @dev Deposits are counted since genesis and so get wider fields than a balance: 2^32
    /// deposits of everything that an asset may hold would be needed to fill them.
    struct Cell {
        uint96 balance;
        uint96 pot;
        EpochNumber lastEpoch;
        uint128 depositedTotal;
        uint128 depositedSettled;
    }

    /// @dev What one settlement has seen so far: emitted ids as bits, and both sides of each asset.
    struct Tally {
        uint256 cells;
        uint256 rollups;
        uint256[MAX_ASSETS + 1] opening;
        uint256[MAX_ASSETS + 1] closing;
    }

    IEpochVerifier private immutable _verifier;
    bytes32 private immutable _verificationKeyId;
    uint32 private immutable _domainId;
    uint64 private immutable _settlerGrace;

    /// @dev In one slot, so that a settlement pays for one.
    EpochNumber private _epoch;
    uint64 private _settlerSettledAt;
    uint16 private _rollupCount;
    /// @dev A bit for each id, lowest for rollup 1: in the slot that a deposit reads anyway.
    uint16 private _revokedRollups;
    address private _guardian;
    address private _settler;
    bytes32 private _stateDigest;

    mapping(RollupId => Rollup) private _rollups;
    mapping(RollupId => SettlementKey) private _keys;
    mapping(RollupId => mapping(AssetId => Cell)) private _cells;
    mapping(EpochNumber => mapping(RollupId => bytes32)) private _exitRoots;
    mapping(RollupId => BitMaps.BitMap) private _claimed;

    /// @param initialOwner In production a TimelockController; see ISettlement.
    /// @param domain Number of the domain among those of the same operator.
    /// @param epochVerifier Its key is pinned here and is part of the domain word.
    /// @param genesisDigest Digest of the state before the first epoch.
    /// @param initialSettler Who settles; see ISettlement.
    /// @param grace Seconds without a settlement by the settler after which anybody may settle; it
    /// never changes.
    constructor(
        address initialOwner,
        uint32 domain,
        IEpochVerifier epochVerifier,
        bytes32 genesisDigest,
        address initialSettler,
        uint64 grace
    ) Ownable(initialOwner) {
        if (grace < MIN_SETTLER_GRACE || grace > MAX_SETTLER_GRACE) {
            revert SettlerGraceOutOfRange(grace, MIN_SETTLER_GRACE, MAX_SETTLER_GRACE);
        }
        if (!isCanonical(uint256(genesisDigest))) {
            revert WordNotCanonical(uint256(genesisDigest));
        }
        _domainId = domain;
        _verifier = epochVerifier;
        _verificationKeyId = epochVerifier.verificationKeyId();
        _stateDigest = genesisDigest;
        _settlerGrace = grace;
        // The cast holds for the next 500 billion years.
        _settlerSettledAt = uint64(block.timestamp);
        _setSettler(initialSettler);
    }

    // --- Registration -----------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function registerRollup(uint256 keyX, uint256 keyY) external onlyOwner returns (RollupId id) {
        uint16 count = _rollupCount;
        if (count == MAX_ROLLUPS) revert RollupLimitReached(MAX_ROLLUPS);
        SettlementKey memory key = SettlementKey(keyX, keyY);
        if (!key.isValid()) revert SettlementKeyInvalid(keyX, keyY);

        _rollupCount = count + 1;
        id = RollupId.wrap(count + 1);
        _keys[id] = key;
        _rollups[id].keyDigest = key.digest();
        emit RollupRegistered(id, keyX, keyY);
    }

    /// @inheritdoc ISettlement
    function revokeRollup(RollupId id) external onlyOwner {
        _requireNotRevoked(id);
        _revokedRollups |= _bitOf(id);
        emit RollupRevoked(id);
    }

    // --- Deposits ---------------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function deposit(RollupId rollupId, AssetId assetId, uint256 tokenAtoms)
        external
        payable
        whenNotPaused
        nonReentrant
    {
        _requireNotRevoked(rollupId);
        uint96 atoms = _bookDeposit(assetId, tokenAtoms);
        _cells[rollupId][assetId].depositedTotal += atoms;
        emit Deposited(rollupId, assetId, msg.sender, atoms);
        _collect(assetId, tokenAtoms);
    }

    // --- Settlement -------------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function settle(
        EpochNumber number,
        uint256[] calldata steps,
        bytes32 books,
        bytes calldata proof
    ) external nonReentrant {
        _requireMaySettle();
        EpochNumber expected = _epoch.next();
        if (number != expected) revert EpochOutOfOrder(expected, number);
        (bool wellFormed, uint256 count, uint256[] calldata last) = steps.measure();
        if (!wellFormed) revert StepMalformed(count);
        if (count == 0 || count > MAX_STEPS_PER_EPOCH) {
            revert StepCountOutOfRange(count, MAX_STEPS_PER_EPOCH);
        }
        uint256 pending = last.pending();
        if (pending != 0) revert EmissionPending(pending);
        if (!_verifier.verify(domainWord(), number, uint256(_stateDigest), steps, proof)) {
            revert ProofRefused(number);
        }

        bytes32 digest = bytes32(last[STATE_DIGEST_WORD]);
        _epoch = number;
        // A stranger's leaves the grace over, or an empty epoch of theirs would shut the way out.
        if (msg.sender == _settler) _settlerSettledAt = uint64(block.timestamp);
        _stateDigest = digest;
        emit EpochSettled(number, digest, count, books);
        _book(number, steps);
    }

    /// @dev Before the grace is over the settler alone, and not while paused; then anybody, paused or
    /// not, until the settler settles: neither the settler's silence nor a pause may last longer.
    function _requireMaySettle() private view {
        uint256 openAt = openToAllAt();
        // Whoever proposes blocks can move this by seconds; the grace is an hour at least.
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp >= openAt) return;
        _requireNotPaused();
        if (msg.sender != _settler) revert SettlerOnly(msg.sender, openAt);
    }

    /// @dev The proof says that the emissions are complete and follow from signed batches; what L1
    /// knows itself is checked here whatever the proof says: ids, keys, deposits, conservation.
    function _book(EpochNumber number, uint256[] calldata steps) private {
        Tally memory tally;
        uint256[] calldata rest = steps;
        while (rest.length != 0) {
            uint256[] calldata step;
            (step, rest) = rest.split();
            uint256 cells = step.cellCount();
            for (uint256 slot = 0; slot < cells; ++slot) {
                _bookCell(number, step.cellAt(slot), tally);
            }
            uint256 rollups = step.rollupCount();
            for (uint256 slot = 0; slot < rollups; ++slot) {
                _bookRollup(number, step.rollupAt(slot), tally);
            }
        }
        for (uint256 i = 1; i <= MAX_ASSETS; ++i) {
            if (tally.opening[i] != tally.closing[i]) {
                // The cast holds: i is at most MAX_ASSETS.
                revert AssetNotConserved(
                    AssetId.wrap(uint16(i)), tally.opening[i], tally.closing[i]
                );
            }
        }
    }

    function _bookCell(EpochNumber number, EmittedCell memory emitted, Tally memory tally) private {
        _requireRollup(emitted.rollup);
        _requireAsset(emitted.asset);
        uint256 assetIndex = AssetId.unwrap(emitted.asset);
        uint256 bit = 1 << ((RollupId.unwrap(emitted.rollup) - 1) * MAX_ASSETS + assetIndex - 1);
        if (tally.cells & bit != 0) revert CellEmittedTwice(emitted.rollup, emitted.asset);
        tally.cells |= bit;

        Cell storage c = _cells[emitted.rollup][emitted.asset];
        uint256 unsettled = c.depositedTotal - c.depositedSettled;
        if (emitted.deposited > unsettled) {
            revert DepositsOverclaimed(emitted.rollup, emitted.asset, unsettled, emitted.deposited);
        }
        tally.opening[assetIndex] += uint256(c.balance) + emitted.deposited;
        tally.closing[assetIndex] += uint256(emitted.balance) + emitted.exited;

        c.balance = emitted.balance;
        c.pot += emitted.exited;
        c.lastEpoch = number;
        if (emitted.deposited != 0) c.depositedSettled += emitted.deposited;
        emit CellSettled(
            number,
            emitted.rollup,
            emitted.asset,
            emitted.balance,
            emitted.deposited,
            emitted.exited
        );
    }

    function _bookRollup(EpochNumber number, EmittedRollup memory emitted, Tally memory tally)
        private
    {
        Rollup storage r = _requireRollup(emitted.rollup);
        uint256 bit = 1 << RollupId.unwrap(emitted.rollup);
        if (tally.rollups & bit != 0) revert RollupEmittedTwice(emitted.rollup);
        tally.rollups |= bit;
        if (SettlementKey(emitted.keyX, emitted.keyY).digest() != r.keyDigest) {
            revert SettlementKeyDiffers(emitted.rollup, emitted.keyX, emitted.keyY);
        }
        uint64 settled = r.nextHeight;
        if (emitted.nextHeight < settled) {
            revert HeightDecreased(emitted.rollup, settled, emitted.nextHeight);
        }

        r.nextHeight = emitted.nextHeight;
        _exitRoots[number][emitted.rollup] = emitted.exitRoot;
        emit RollupSettled(
            number, emitted.rollup, emitted.nextHeight, emitted.l2Root, emitted.exitRoot
        );
    }

    // --- Claims -----------------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function claim(Claim calldata c, bytes32[] calldata path) external nonReentrant {
        _requireProven(c, path);
        if (!_takeFromPot(c)) revert ClaimAlreadyPaid(c.rollup, c.index);
        _payOrCredit(c.asset, c.recipient, c.atoms);
    }

    /// @inheritdoc ISettlement
    /// @dev All effects come before the first payment, so that no recipient sees a half-done list.
    function claimMany(Claim[] calldata claims, bytes32[][] calldata paths)
        external
        nonReentrant
        returns (uint256 paid)
    {
        if (claims.length != paths.length) {
            revert ClaimCountsDiffer(claims.length, paths.length);
        }
        bool[] memory taken = new bool[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            _requireProven(claims[i], paths[i]);
            taken[i] = _takeFromPot(claims[i]);
        }
        for (uint256 i = 0; i < claims.length; ++i) {
            if (!taken[i]) continue;
            Claim calldata c = claims[i];
            _payOrCredit(c.asset, c.recipient, c.atoms);
            ++paid;
        }
    }

    function _requireProven(Claim calldata c, bytes32[] calldata path) private view {
        bytes32 root = _exitRoots[c.epoch][c.rollup];
        if (root == 0) revert ExitRootUnknown(c.epoch, c.rollup);
        if (path.length != EXIT_TREE_DEPTH) revert PathLengthWrong(path.length, EXIT_TREE_DEPTH);
        if (!path.verifyCalldata(root, c.leaf())) {
            revert ClaimNotInExitRoot(c.epoch, c.rollup, c.index);
        }
    }

    /// @return taken False, and nothing changed, if the exit has been paid.
    function _takeFromPot(Claim calldata c) private returns (bool taken) {
        if (_claimed[c.rollup].get(c.index)) return false;
        // A rollup may sign an exit tree that promises more than it exited: its pot is the limit.
        Cell storage from = _requireCell(c.rollup, c.asset);
        uint96 left = from.pot;
        if (c.atoms > left) revert PotTooSmall(c.rollup, c.asset, left, c.atoms);

        _claimed[c.rollup].set(c.index);
        from.pot = left - c.atoms;
        _bookPayment(c.asset, c.atoms);
        emit ClaimPaid(c.epoch, c.rollup, c.index, c.asset, c.recipient, c.atoms);
        return true;
    }

    // --- Roles ------------------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function setSettler(address account) external onlyOwner {
        _setSettler(account);
    }

    function _setSettler(address account) private {
        if (account == address(0)) revert SettlerIsZero();
        _settler = account;
        emit SettlerChanged(account);
    }

    /// @inheritdoc ISettlement
    function setGuardian(address account) external onlyOwner {
        _guardian = account;
        emit GuardianChanged(account);
    }

    /// @inheritdoc ISettlement
    function pause() external {
        if (msg.sender != _guardian && msg.sender != owner()) revert CallerMayNotPause(msg.sender);
        _pause();
    }

    /// @inheritdoc ISettlement
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice Refused: without an owner a pause could never be lifted.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipNotRenounceable();
    }

    // --- Views ------------------------------------------------------------------------------

    /// @inheritdoc ISettlement
    /// @dev Computed at every call, so that it differs on either side of a fork of the chain.
    function domainWord() public view returns (uint256) {
        return domainWordOf(block.chainid, address(this), _domainId, _verificationKeyId);
    }

    /// @inheritdoc ISettlement
    function domainId() external view returns (uint32) {
        return _domainId;
    }

    /// @inheritdoc ISettlement
    function verifier() external view returns (IEpochVerifier) {
        return _verifier;
    }

    /// @inheritdoc ISettlement
    function verificationKeyId() external view returns (bytes32) {
        return _verificationKeyId;
    }

    /// @inheritdoc ISettlement
    function guardian() external view returns (address) {
        return _guardian;
    }

    /// @inheritdoc ISettlement
    function settler() external view returns (address) {
        return _settler;
    }

    /// @inheritdoc ISettlement
    function settlerGrace() external view returns (uint256) {
        return _settlerGrace;
    }

    /// @inheritdoc ISettlement
    function openToAllAt() public view returns (uint256) {
        return uint256(_settlerSettledAt) + _settlerGrace;
    }

    /// @inheritdoc ISettlement
    function epoch() external view returns (EpochNumber) {
        return _epoch;
    }

    /// @inheritdoc ISettlement
    function stateDigest() external view returns (bytes32) {
        return _stateDigest;
    }

    /// @inheritdoc ISettlement
    function rollupCount() external view returns (uint256) {
        return _rollupCount;
    }

    /// @inheritdoc ISettlement
    function rollup(RollupId id)
        external
        view
        returns (uint256 keyX, uint256 keyY, uint64 nextHeight)
    {
        Rollup storage r = _requireRollup(id);
        SettlementKey storage key = _keys[id];
        return (key.x, key.y, r.nextHeight);
    }

    /// @inheritdoc ISettlement
    function isRollupRevoked(RollupId id) external view returns (bool) {
        _requireRollup(id);
        return _revokedRollups & _bitOf(id) != 0;
    }

    /// @inheritdoc ISettlement
    function cell(RollupId rollupId, AssetId assetId)
        external
        view
        returns (
            uint96 balance,
            uint128 depositedTotal,
            uint128 depositedSettled,
            EpochNumber lastEpoch
        )
    {
        Cell storage c = _requireCell(rollupId, assetId);
        return (c.balance, c.depositedTotal, c.depositedSettled, c.lastEpoch);
    }

    /// @inheritdoc ISettlement
    function pot(RollupId rollupId, AssetId assetId) external view returns (uint96) {
        return _requireCell(rollupId, assetId).pot;
    }

    /// @inheritdoc ISettlement
    function exitRoot(EpochNumber number, RollupId rollupId) external view returns (bytes32) {
        return _exitRoots[number][rollupId];
    }

    /// @inheritdoc ISettlement
    function isClaimed(RollupId rollupId, uint32 index) external view returns (bool) {
        return _claimed[rollupId].get(index);
    }

    // --- Shared -----------------------------------------------------------------------------

    function _requireRollup(RollupId id) private view returns (Rollup storage) {
        uint16 raw = RollupId.unwrap(id);
        if (raw == 0 || raw > _rollupCount) revert UnknownRollup(id);
        return _rollups[id];
    }

    function _requireNotRevoked(RollupId id) private view {
        _requireRollup(id);
        if (_revokedRollups & _bitOf(id) != 0) revert RollupIsRevoked(id);
    }

    /// @dev Of an id that is given out: they run from 1 to MAX_ROLLUPS, as many as there are bits.
    function _bitOf(RollupId id) private pure returns (uint16) {
        return uint16(1 << (RollupId.unwrap(id) - 1));
    }

    function _requireCell(RollupId rollupId, AssetId assetId) private view returns (Cell storage) {
        _requireRollup(rollupId);
        _requireAsset(assetId);
        return _cells[rollupId][assetId];
    }
}
