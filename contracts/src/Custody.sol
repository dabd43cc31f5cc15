// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "./interfaces/ISettlement.sol";
import {AssetId} from "./types/AssetId.sol";
import {ATOMS_MAX, MAX_ASSETS, MAX_LEDGER_DECIMALS, MAX_TOKEN_DECIMALS} from "./types/Limits.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Custody
/// @dev The assets, how much of each is held, and the only two doors that tokens pass: `_collect`
/// inwards, `_send` outwards. It knows nothing of rollups, cells or proofs; whose money it is, is
/// Settlement's business. Ledger atoms become token atoms here and nowhere else.
abstract contract Custody is ISettlement, Ownable2Step, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Asset {
        address token;
        uint8 tokenDecimals;
        uint8 ledgerDecimals;
        bool revoked;
        uint96 custody;
        uint96 creditTotal;
    }

    address private constant _ETHER = address(0);
    uint8 private constant _ETHER_DECIMALS = 18;

    /// @dev What a payment may use, call overhead and a new account's 25,000 included. Plain
    /// accounts, multisigs and common tokens stay well below; what needs more becomes a credit.
    uint256 private constant _ETHER_PAYMENT_GAS = 100_000;
    uint256 private constant _TOKEN_PAYMENT_GAS = 250_000;
    /// @dev What is used between looking at the remaining gas and the call itself, with room.
    uint256 private constant _PAYMENT_RESERVE_GAS = 5_000;

    uint16 private _assetCount;
    mapping(AssetId => Asset) private _assets;
    mapping(AssetId => mapping(address => uint96)) private _credits;

    // --- Registration -----------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function registerAsset(address token, uint8 tokenDecimals, uint8 ledgerDecimals)
        external
        onlyOwner
        returns (AssetId id)
    {
        if (
            ledgerDecimals > tokenDecimals || tokenDecimals > MAX_TOKEN_DECIMALS
                || ledgerDecimals > MAX_LEDGER_DECIMALS
        ) revert AssetDecimalsInvalid(tokenDecimals, ledgerDecimals);
        uint16 count = _assetCount;
        if (count == MAX_ASSETS) revert AssetLimitReached(MAX_ASSETS);
        for (uint16 i = 1; i <= count; ++i) {
            id = AssetId.wrap(i);
            if (_assets[id].token == token) revert AssetAlreadyRegistered(id, token);
        }
        uint8 found = token == _ETHER ? _ETHER_DECIMALS : IERC20Metadata(token).decimals();
        if (found != tokenDecimals) revert TokenDecimalsDiffer(token, tokenDecimals, found);

        _assetCount = count + 1;
        id = AssetId.wrap(count + 1);
        _assets[id] = Asset(token, tokenDecimals, ledgerDecimals, false, 0, 0);
        emit AssetRegistered(id, token, tokenDecimals, ledgerDecimals);
    }

    /// @inheritdoc ISettlement
    function revokeAsset(AssetId id) external onlyOwner {
        _requireNotRevoked(id).revoked = true;
        emit AssetRevoked(id);
    }

    // --- Inwards ----------------------------------------------------------------------------

    /// @dev Checks a deposit and raises the custody; `_collect` must follow as the last thing.
    function _bookDeposit(AssetId id, uint256 tokenAtoms) internal returns (uint96) {
        Asset storage a = _requireNotRevoked(id);
        uint256 ether_ = a.token == _ETHER ? tokenAtoms : 0;
        if (msg.value != ether_) revert EtherAmountDiffers(ether_, msg.value);
        if (tokenAtoms == 0) revert DepositIsZero();
        uint256 unit = _unit(a);
        if (tokenAtoms % unit != 0) revert NotWholeLedgerUnits(tokenAtoms, unit);
        uint256 atoms = tokenAtoms / unit;
        uint96 held = a.custody;
        if (atoms > ATOMS_MAX - held) revert CustodyLimitExceeded(id, held, atoms);

        // The cast holds: atoms is at most ATOMS_MAX.
        a.custody = held + uint96(atoms);
        return uint96(atoms);
    }

    function _collect(AssetId id, uint256 tokenAtoms) internal {
        address token = _assets[id].token;
        if (token == _ETHER) return; // It came with the call.
        uint256 expected = IERC20(token).balanceOf(address(this)) + tokenAtoms;
        IERC20(token).safeTransferFrom(msg.sender, address(this), tokenAtoms);
        uint256 found = IERC20(token).balanceOf(address(this));
        if (found != expected) revert DepositIncomplete(token, expected, found);
    }

    // --- Outwards ---------------------------------------------------------------------------

    /// @dev Lowers the custody for a payment; `_payOrCredit` must follow.
    function _bookPayment(AssetId id, uint96 atoms) internal {
        _requireAsset(id).custody -= atoms;
    }

    /// @dev The call goes through this contract itself: its gas is bounded for tokens as for Ether,
    /// and what the recipient returns is left in the inner frame, never copied here.
    function _payOrCredit(AssetId id, address recipient, uint96 atoms) internal {
        Asset storage a = _assets[id];
        address token = a.token;
        uint256 allowance = token == _ETHER ? _ETHER_PAYMENT_GAS : _TOKEN_PAYMENT_GAS;
        // A call passes on at most 63/64 of what is left, and silently less than asked for.
        uint256 required = allowance + allowance / 63 + _PAYMENT_RESERVE_GAS;
        if (gasleft() < required) revert GasTooLow(gasleft(), required);
        try this.payOut{gas: allowance}(token, recipient, atoms * _unit(a)) {}
        catch {
            a.custody += atoms;
            a.creditTotal += atoms;
            _credits[id][recipient] += atoms;
            emit CreditAdded(id, recipient, atoms);
        }
    }

    /// @notice Sends tokens or Ether. Only this contract calls it, on itself.
    function payOut(address token, address to, uint256 tokenAtoms) external {
        if (msg.sender != address(this)) revert CallerIsNotSelf(msg.sender);
        _send(token, to, tokenAtoms);
    }

    /// @inheritdoc ISettlement
    function withdrawCredit(AssetId id, address to) external nonReentrant {
        if (to == address(0)) revert RecipientIsZero();
        _payCredit(id, msg.sender, to);
    }

    /// @inheritdoc ISettlement
    function deliverCredit(AssetId id, address recipient) external nonReentrant {
        _payCredit(id, recipient, recipient);
    }

    function _payCredit(AssetId id, address recipient, address to) private {
        Asset storage a = _requireAsset(id);
        uint96 atoms = _credits[id][recipient];
        if (atoms == 0) revert NoCredit(id, recipient);

        delete _credits[id][recipient];
        a.custody -= atoms;
        a.creditTotal -= atoms;
        emit CreditWithdrawn(id, recipient, to, atoms);

        _send(a.token, to, atoms * _unit(a));
    }

    function _send(address token, address to, uint256 tokenAtoms) private {
        if (token == _ETHER) Address.sendValue(payable(to), tokenAtoms);
        else IERC20(token).safeTransfer(to, tokenAtoms);
    }

    // --- Views ------------------------------------------------------------------------------

    /// @inheritdoc ISettlement
    function assetCount() external view returns (uint256) {
        return _assetCount;
    }

    /// @inheritdoc ISettlement
    function asset(AssetId id)
        external
        view
        returns (address token, uint8 tokenDecimals, uint8 ledgerDecimals)
    {
        Asset storage a = _requireAsset(id);
        return (a.token, a.tokenDecimals, a.ledgerDecimals);
    }

    /// @inheritdoc ISettlement
    function isAssetRevoked(AssetId id) external view returns (bool) {
        return _requireAsset(id).revoked;
    }

    /// @inheritdoc ISettlement
    function custody(AssetId id) external view returns (uint96) {
        return _requireAsset(id).custody;
    }

    /// @inheritdoc ISettlement
    function credit(AssetId id, address recipient) external view returns (uint96) {
        return _credits[id][recipient];
    }

    /// @inheritdoc ISettlement
    function creditTotal(AssetId id) external view returns (uint96) {
        return _requireAsset(id).creditTotal;
    }

    function _requireAsset(AssetId id) internal view returns (Asset storage) {
        uint16 raw = AssetId.unwrap(id);
        if (raw == 0 || raw > _assetCount) revert UnknownAsset(id);
        return _assets[id];
    }

    function _requireNotRevoked(AssetId id) private view returns (Asset storage a) {
        a = _requireAsset(id);
        if (a.revoked) revert AssetIsRevoked(id);
    }

    /// @dev Token atoms in one ledger atom: at most 10^36, and 2^96 of them fit in 256 bits.
    function _unit(Asset storage a) private view returns (uint256) {
        return 10 ** uint256(a.tokenDecimals - a.ledgerDecimals);
    }
}
