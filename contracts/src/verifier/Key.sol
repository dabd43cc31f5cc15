// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Point, PointG2} from "./Curve.sol";
import "./VerificationKey.sol" as Pinned;

/// @dev A verification key: the shape and the commitments of the step circuit's R1CS as MicroSpartan
/// keeps them, and the setup's two points of G2. Its G is (1, 2).
struct Key {
    uint256 digest;
    uint256 logConstraints;
    uint256 logVariables;
    uint256 logEntries;
    Point row;
    Point col;
    Point valA;
    Point valB;
    Point valC;
    Point tsRow;
    Point tsCol;
    PointG2 h;
    PointG2 tauH;
}

/// @dev The one key of this deployment, from constants: no key ever comes from calldata.
function pinnedKey() pure returns (Key memory) {
    return Key({
        digest: Pinned.KEY_DIGEST,
        logConstraints: Pinned.LOG_CONSTRAINTS,
        logVariables: Pinned.LOG_VARIABLES,
        logEntries: Pinned.LOG_ENTRIES,
        row: Point(Pinned.ROW_X, Pinned.ROW_Y),
        col: Point(Pinned.COL_X, Pinned.COL_Y),
        valA: Point(Pinned.VAL_A_X, Pinned.VAL_A_Y),
        valB: Point(Pinned.VAL_B_X, Pinned.VAL_B_Y),
        valC: Point(Pinned.VAL_C_X, Pinned.VAL_C_Y),
        tsRow: Point(Pinned.TS_ROW_X, Pinned.TS_ROW_Y),
        tsCol: Point(Pinned.TS_COL_X, Pinned.TS_COL_Y),
        h: PointG2(Pinned.H_X_IM, Pinned.H_X_RE, Pinned.H_Y_IM, Pinned.H_Y_RE),
        tauH: PointG2(Pinned.TAU_H_X_IM, Pinned.TAU_H_X_RE, Pinned.TAU_H_Y_IM, Pinned.TAU_H_Y_RE)
    });
}
