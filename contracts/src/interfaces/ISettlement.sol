// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AssetId} from "../types/AssetId.sol";
import {Claim} from "../types/Claim.sol";
import {EpochNumber} from "../types/EpochNumber.sol";
import {RollupId} from "../types/RollupId.sol";
import {IEpochVerifier} from "./IEpochVerifier.sol";

/// @title The L1 side of one Netfold domain
/// @notice Holds the pooled assets, settles epochs whose transition is proven, and pays exits.
///
/// Amounts in `atoms` are in the asset's ledger unit and at most 2^96 - 1. Per asset, always:
///
///   custody = sum of cell balances + deposits not settled yet + pots + credits
///   tokens held by this contract >= custody * 10^(tokenDecimals - ledgerDecimals)
///
/// Roles. The owner registers and revokes assets and rollups, names settler and guardian and lifts a
/// pause. In production it is an OpenZeppelin TimelockController, so that registering is announced and never
/// instant. The settler alone settles, so that the domain goes where its ledger goes. The guardian
/// can only pause. A pause stops intake and settlement; nobody can stop a claim. Claiming and
/// delivering credits are open to everybody.
///
/// Way out. When the settler has not settled for the grace, a number of seconds that never changes,
/// anybody may settle with a valid proof, epoch after epoch, even while paused. Nothing but a
/// settlement by the settler starts the grace anew: not anybody else's, not another settler, not a
/// pause, not its end.
///
/// Tokens whose balances change by themselves (rebasing) or that take a fee must not be registered;
/// a fee is refused at deposit.
interface ISettlement {
    // --- Registration -----------------------------------------------------------------------

    /// @notice An asset was given the next id.
    event AssetRegistered(
        AssetId indexed asset, address token, uint8 tokenDecimals, uint8 ledgerDecimals
    );
    /// @notice A rollup was given the next id.
    event RollupRegistered(RollupId indexed rollup, uint256 keyX, uint256 keyY);
    /// @notice An asset takes no deposit any more.
    event AssetRevoked(AssetId indexed asset);
    /// @notice A rollup takes no deposit any more.
    event RollupRevoked(RollupId indexed rollup);

    /// @notice All asset ids of the domain's shape are given out.
    error AssetLimitReached(uint256 limit);
    /// @notice All rollup ids of the domain's shape are given out.
    error RollupLimitReached(uint256 limit);
    /// @notice The token is an asset already.
    error AssetAlreadyRegistered(AssetId asset, address token);
    /// @notice Ledger decimals past the token's, or either past its limit.
    error AssetDecimalsInvalid(uint8 tokenDecimals, uint8 ledgerDecimals);
    /// @notice The token itself states other decimals (Ether has 18).
    error TokenDecimalsDiffer(address token, uint8 stated, uint8 found);
    /// @notice The key is not canonical, not on the curve, or of small order.
    error SettlementKeyInvalid(uint256 keyX, uint256 keyY);
    /// @notice No such asset.
    error UnknownAsset(AssetId asset);
    /// @notice No such rollup.
    error UnknownRollup(RollupId rollup);
    /// @notice The asset takes no deposit any more.
    error AssetIsRevoked(AssetId asset);
    /// @notice The rollup takes no deposit any more.
    error RollupIsRevoked(RollupId rollup);
    /// @notice The word is not below the order of the scalar field.
    error WordNotCanonical(uint256 word);

    /// @notice Gives a token the next asset id. Only the owner.
    /// @param token The ERC-20 contract; the zero address is Ether.
    /// @param tokenDecimals What the token itself states.
    /// @param ledgerDecimals Decimals of the ledger unit, at most `tokenDecimals`.
    function registerAsset(address token, uint8 tokenDecimals, uint8 ledgerDecimals)
        external
        returns (AssetId asset);

    /// @notice Gives a rollup the next id. Only the owner.
    /// @param keyX First coordinate of the BabyJubJub key that signs the rollup's batches.
    /// @param keyY Second coordinate.
    function registerRollup(uint256 keyX, uint256 keyY) external returns (RollupId rollup);

    /// @notice Ends the deposits of an asset, for good. Only the owner. What is held of it moves, settles
    /// and is claimed as before: nobody's way out depends on what came in later.
    function revokeAsset(AssetId asset) external;

    /// @notice Ends the deposits for a rollup, for good. Only the owner. What its cells hold moves, settles
    /// and is claimed as before, and its id is not given out again.
    function revokeRollup(RollupId rollup) external;

    // --- Deposits ---------------------------------------------------------------------------

    /// @notice Tokens came in for a rollup's cell; the ledger books them from this event.
    event Deposited(
        RollupId indexed rollup, AssetId indexed asset, address indexed depositor, uint96 atoms
    );

    /// @notice Nothing to deposit.
    error DepositIsZero();
    /// @notice The amount is no whole number of ledger units; it is never rounded.
    error NotWholeLedgerUnits(uint256 tokenAtoms, uint256 unit);
    /// @notice The Ether sent is not the Ether stated (none, for an ERC-20 asset).
    error EtherAmountDiffers(uint256 expected, uint256 sent);
    /// @notice The contract's balance did not grow by exactly the amount: the token takes a fee.
    error DepositIncomplete(address token, uint256 expected, uint256 received);
    /// @notice The asset's custody would pass 2^96 - 1 atoms.
    error CustodyLimitExceeded(AssetId asset, uint96 custody, uint256 atoms);

    /// @notice Deposits into a rollup's cell. Refused while paused, and once rollup or asset is revoked.
    /// @param tokenAtoms The amount in the token's own smallest unit, whole ledger units only.
    function deposit(RollupId rollup, AssetId asset, uint256 tokenAtoms) external payable;

    // --- Settlement -------------------------------------------------------------------------

    /// @notice An epoch's proven closing state was taken over.
    /// @param books What the caller says is the digest of the ledger's books when the epoch was sealed:
    /// of every account's debits and credits and of the journal's last block. Nothing here checks it, and
    /// the proof says nothing of it: it is the settler's word, or, after the grace, whoever's settles. What
    /// it is worth is that it stands here for ever, given before anybody can know what they would like
    /// to change: books that are shown later have this digest or are not the ones of then.
    event EpochSettled(
        EpochNumber indexed epoch, bytes32 stateDigest, uint256 steps, bytes32 books
    );
    /// @notice A cell that the epoch touched has this closing position.
    event CellSettled(
        EpochNumber indexed epoch,
        RollupId indexed rollup,
        AssetId indexed asset,
        uint96 balance,
        uint96 deposited,
        uint96 exited
    );
    /// @notice A rollup that was active in the epoch has this next height, and these roots after its
    /// last batch. With the cells and the keys of registration this is the whole state under the
    /// state digest: whoever has this contract's events can open it.
    event RollupSettled(
        EpochNumber indexed epoch,
        RollupId indexed rollup,
        uint64 nextHeight,
        bytes32 l2Root,
        bytes32 exitRoot
    );

    /// @notice Before that time only the settler may settle.
    error SettlerOnly(address caller, uint256 openToAllAt);
    /// @notice Epochs settle one after another.
    error EpochOutOfOrder(EpochNumber expected, EpochNumber given);
    /// @notice An epoch has at least one step and at most the limit.
    error StepCountOutOfRange(uint256 given, uint256 limit);
    /// @notice The words are not whole steps in their one spelling, from this step on.
    error StepMalformed(uint256 step);
    /// @notice The last step leaves touched cells or active rollups unemitted.
    error EmissionPending(uint256 pending);
    /// @notice The verifier does not accept the proof of this statement.
    error ProofRefused(EpochNumber epoch);
    /// @notice A cell is emitted once in an epoch.
    error CellEmittedTwice(RollupId rollup, AssetId asset);
    /// @notice A rollup is emitted once in an epoch.
    error RollupEmittedTwice(RollupId rollup);
    /// @notice More is claimed as deposited than came in and is not settled yet.
    error DepositsOverclaimed(RollupId rollup, AssetId asset, uint256 unsettled, uint96 claimed);
    /// @notice The asset's opening balances and deposits are not its closing balances and exits.
    error AssetNotConserved(AssetId asset, uint256 opening, uint256 closing);
    /// @notice The rollup's key is not the registered one.
    error SettlementKeyDiffers(RollupId rollup, uint256 keyX, uint256 keyY);
    /// @notice A rollup's height never goes down.
    error HeightDecreased(RollupId rollup, uint64 settled, uint64 given);

    /// @notice Settles the next epoch, with a valid proof. Until `openToAllAt` only the settler may, and
    /// not while paused; from then on anybody, whether paused or not. By the settler it starts the
    /// grace anew.
    /// @dev The statement starts from this contract's own domain word, epoch and state digest.
    /// Nothing is paid here: exits are added to their cell's pot and claimed.
    /// @param steps Each step's public outputs, in the one spelling of `StepOutput.sol`.
    /// @param books Passed on to `EpochSettled` as it is, and neither stored nor proven.
    /// @param proof Of exactly these steps, from exactly this contract's opening; its layout is the
    /// verifier's.
    function settle(
        EpochNumber epoch,
        uint256[] calldata steps,
        bytes32 books,
        bytes calldata proof
    ) external;

    // --- Claims -----------------------------------------------------------------------------

    /// @notice An exit was taken out of its pot for its recipient, for good. If the payment itself
    /// failed, `CreditAdded` follows and the recipient holds a credit.
    event ClaimPaid(
        EpochNumber indexed epoch,
        RollupId indexed rollup,
        uint32 indexed index,
        AssetId asset,
        address recipient,
        uint96 atoms
    );
    /// @notice A payment failed and is owed to the recipient.
    event CreditAdded(AssetId indexed asset, address indexed recipient, uint96 atoms);
    /// @notice A recipient's credit was paid out to `to`.
    event CreditWithdrawn(
        AssetId indexed asset, address indexed recipient, address to, uint96 atoms
    );

    /// @notice One path for each claim.
    error ClaimCountsDiffer(uint256 claims, uint256 paths);
    /// @notice The rollup was not active in that epoch, or the epoch is not settled.
    error ExitRootUnknown(EpochNumber epoch, RollupId rollup);
    /// @notice A path has one sibling per level of the exit tree.
    error PathLengthWrong(uint256 given, uint256 expected);
    /// @notice The path does not lead from this exit to the exit root.
    error ClaimNotInExitRoot(EpochNumber epoch, RollupId rollup, uint32 index);
    /// @notice The exit has been paid.
    error ClaimAlreadyPaid(RollupId rollup, uint32 index);
    /// @notice The rollup's exits of this asset hold less than the claim.
    error PotTooSmall(RollupId rollup, AssetId asset, uint96 pot, uint96 atoms);
    /// @notice Too little gas to give the recipient its full allowance; nobody can turn another's
    /// payment into a credit by starving it.
    error GasTooLow(uint256 available, uint256 required);
    /// @notice Nothing is owed.
    error NoCredit(AssetId asset, address recipient);
    /// @notice A credit is not sent to the zero address.
    error RecipientIsZero();
    /// @notice The function is this contract's own.
    error CallerIsNotSelf(address caller);

    /// @notice Pays one exit to its recipient, or credits it if the payment fails. Anybody may.
    /// @param path The 32 siblings from the exit's leaf up to the exit root.
    function claim(Claim calldata c, bytes32[] calldata path) external;

    /// @notice Pays many exits. A path that does not fit reverts the whole; an exit that has been
    /// paid meanwhile is skipped, and a recipient that fails is credited, so that neither stops the
    /// others.
    /// @return paid How many were not skipped.
    function claimMany(Claim[] calldata claims, bytes32[][] calldata paths)
        external
        returns (uint256 paid);

    /// @notice Pays the caller's whole credit to an address of its choice.
    function withdrawCredit(AssetId asset, address to) external;

    /// @notice Pays a recipient's whole credit to the recipient itself. Anybody may: for contracts
    /// that cannot call `withdrawCredit`, once the reason of the failure is gone.
    function deliverCredit(AssetId asset, address recipient) external;

    // --- Roles ------------------------------------------------------------------------------

    /// @notice The settler is another account now.
    event SettlerChanged(address settler);
    /// @notice The guardian is another account now.
    event GuardianChanged(address guardian);

    /// @notice Nobody could settle before the grace is over.
    error SettlerIsZero();
    /// @notice The grace is fixed at deployment, and neither a moment nor for ever.
    error SettlerGraceOutOfRange(uint256 given, uint256 least, uint256 most);
    /// @notice Only the guardian and the owner may pause.
    error CallerMayNotPause(address caller);
    /// @notice Without an owner a pause could never be lifted.
    error OwnershipNotRenounceable();

    /// @notice Names the account that settles. Only the owner. `openToAllAt` stays as it is.
    function setSettler(address settler) external;

    /// @notice Names the account that may pause beside the owner; the zero address for none. Only
    /// the owner.
    function setGuardian(address guardian) external;

    /// @notice Stops `deposit`, and `settle` until `openToAllAt`. Only the guardian and the owner.
    function pause() external;

    /// @notice Lets `deposit` and `settle` go on. Only the owner.
    function unpause() external;

    // --- Views. Those of a single asset or rollup revert if there is none of that id --------

    /// @notice The first word of every statement and signed batch of this domain.
    function domainWord() external view returns (uint256);

    /// @notice The domain's number among those of the same operator.
    function domainId() external view returns (uint32);

    /// @notice What checks the proofs.
    function verifier() external view returns (IEpochVerifier);

    /// @notice The verifier's key as pinned at deployment.
    function verificationKeyId() external view returns (bytes32);

    /// @notice Who may pause beside the owner.
    function guardian() external view returns (address);

    /// @notice Who settles.
    function settler() external view returns (address);

    /// @notice Seconds without a settlement by the settler after which anybody may settle.
    function settlerGrace() external view returns (uint256);

    /// @notice The time from which anybody may settle, until the settler does: the last settlement by
    /// the settler, or the deployment before the first, and the grace.
    function openToAllAt() external view returns (uint256);

    /// @notice The last settled epoch, 0 if none.
    function epoch() external view returns (EpochNumber);

    /// @notice The closing state of the last settled epoch, or the genesis state.
    function stateDigest() external view returns (bytes32);

    /// @notice How many assets there are; their ids run from 1.
    function assetCount() external view returns (uint256);

    /// @notice How many rollups there are; their ids run from 1.
    function rollupCount() external view returns (uint256);

    /// @notice An asset's token (the zero address for Ether) and decimals.
    function asset(AssetId id)
        external
        view
        returns (address token, uint8 tokenDecimals, uint8 ledgerDecimals);

    /// @notice Whether an asset is revoked.
    function isAssetRevoked(AssetId id) external view returns (bool);

    /// @notice Whether a rollup is revoked.
    function isRollupRevoked(RollupId id) external view returns (bool);

    /// @notice A rollup's key, and its next height as last settled.
    function rollup(RollupId id)
        external
        view
        returns (uint256 keyX, uint256 keyY, uint64 nextHeight);

    /// @notice A cell's balance as last settled, all deposits into it, those of them that are
    /// settled, and the last epoch that touched it.
    function cell(RollupId rollupId, AssetId assetId)
        external
        view
        returns (
            uint96 balance,
            uint128 depositedTotal,
            uint128 depositedSettled,
            EpochNumber lastEpoch
        );

    /// @notice What is owed to the unclaimed exits of a rollup in an asset.
    function pot(RollupId rollupId, AssetId assetId) external view returns (uint96);

    /// @notice What this contract holds of an asset for all cells, pots and credits.
    function custody(AssetId id) external view returns (uint96);

    /// @notice What is owed to a recipient whose payments failed.
    function credit(AssetId id, address recipient) external view returns (uint96);

    /// @notice The sum of an asset's credits.
    function creditTotal(AssetId id) external view returns (uint96);

    /// @notice The exit root that a rollup had when an epoch settled; zero if it was not active.
    function exitRoot(EpochNumber epochNumber, RollupId rollupId) external view returns (bytes32);

    /// @notice Whether a rollup's exit has been paid.
    function isClaimed(RollupId rollupId, uint32 index) external view returns (bool);
}
