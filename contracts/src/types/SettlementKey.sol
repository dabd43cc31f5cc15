// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FIELD_ORDER, isCanonical} from "./Word.sol";

/// @dev A point of BabyJubJub, the public key that a rollup signs its batches with. The curve is
/// a*x^2 + y^2 = 1 + d*x^2*y^2, in circomlib's form.
struct SettlementKey {
    uint256 x;
    uint256 y;
}

using {isValid, digest} for SettlementKey global;

uint256 constant CURVE_A = 168700;
uint256 constant CURVE_D = 168696;

/// @dev Canonical, on the curve and not of small order: a key whose eightfold is the identity would
/// let anybody sign. The same three rules hold in the circuit.
function isValid(SettlementKey memory key) pure returns (bool) {
    if (!isCanonical(key.x) || !isCanonical(key.y)) return false;
    if (!_isOnCurve(key)) return false;
    return !_isOfSmallOrder(key);
}

/// @dev Stands for the key where a comparison is all that is needed: 192 bits, so that it shares a
/// word with a height. Another key of the same digest would take a second preimage.
function digest(SettlementKey memory key) pure returns (bytes24) {
    return bytes24(keccak256(abi.encode(key.x, key.y)));
}

function _isOnCurve(SettlementKey memory key) pure returns (bool) {
    uint256 xx = mulmod(key.x, key.x, FIELD_ORDER);
    uint256 yy = mulmod(key.y, key.y, FIELD_ORDER);
    uint256 left = addmod(mulmod(CURVE_A, xx, FIELD_ORDER), yy, FIELD_ORDER);
    uint256 product = mulmod(CURVE_D, mulmod(xx, yy, FIELD_ORDER), FIELD_ORDER);
    return left == addmod(1, product, FIELD_ORDER);
}

/// @dev Doubles three times in projective coordinates, which need no inversion. Complete on this
/// curve (a is a square, d is none), so z never becomes zero and the identity is x = 0, y = z.
function _isOfSmallOrder(SettlementKey memory key) pure returns (bool) {
    (uint256 x, uint256 y, uint256 z) = (key.x, key.y, 1);
    for (uint256 i = 0; i < 3; ++i) {
        (x, y, z) = _double(x, y, z);
    }
    return x == 0 && y == z;
}

/// @dev Bernstein, Birkner, Joye, Lange, Peters 2008: dbl-2008-bbjlp.
function _double(uint256 x, uint256 y, uint256 z) pure returns (uint256, uint256, uint256) {
    uint256 p = FIELD_ORDER;
    uint256 b = addmod(x, y, p);
    b = mulmod(b, b, p);
    uint256 c = mulmod(x, x, p);
    uint256 d = mulmod(y, y, p);
    uint256 e = mulmod(CURVE_A, c, p);
    uint256 f = addmod(e, d, p);
    uint256 j = addmod(f, p - mulmod(2, mulmod(z, z, p), p), p);
    uint256 x3 = mulmod(addmod(b, p - addmod(c, d, p), p), j, p);
    uint256 y3 = mulmod(f, addmod(e, p - d, p), p);
    return (x3, y3, mulmod(f, j, p));
}
