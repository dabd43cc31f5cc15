// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

// Made by `netfold contracts verifier` from the verification key. Not to be edited.

/// @dev SHA-256 of the key file, setup included.
bytes32 constant VERIFICATION_KEY_ID =
    0x74b9371de9b165b83e22ffd1417a65b8d73a5039cdd3f58b71a82e2cd5dfa8d5;

/// @dev Whether everybody knows the setup's secret, and so can forge.
bool constant INSECURE_SETUP = true;

/// @dev Nova's digest of the key, which opens every transcript.
uint256 constant KEY_DIGEST = 0x019a36388bd324496e03f2c1a04edc9f91d65130a83975e85e6453b9cd5971b9;

/// @dev Exponents of the padded constraints, variables and matrix entries.
uint256 constant LOG_CONSTRAINTS = 16;
uint256 constant LOG_VARIABLES = 16;
uint256 constant LOG_ENTRIES = 19;

/// @dev Commitments to the circuit's matrices, in G1.
uint256 constant ROW_X = 0x301f395dd32a6c4b83ca1746b61c277d7838dbac506b1255836538ca801a3af4;
uint256 constant ROW_Y = 0x1e60ea71f596a2aa26b89d0d2630c30899c4841fe16cfda54408d29e295a7444;
uint256 constant COL_X = 0x261de50918a46a763ba6de7fc5eb503c1a633a92539c3e6f93ecbd060105950e;
uint256 constant COL_Y = 0x155864a0feb7459249d96e81ad07b691e5e8ff961470f8ad29b33be66187efdc;
uint256 constant VAL_A_X = 0x0b9ebeaaf9d0e09c2b0566a54f52f6c8ae6e4622adf62e4ea5591f0a71a58d44;
uint256 constant VAL_A_Y = 0x26263ba8ca2ead8ca53ee0ec53a20e8aa11590773e97677965f47f9ad0e7976c;
uint256 constant VAL_B_X = 0x2ff3c9bc242dc679b9b8d3770e66f9bb0d67ffbb1cfbf6c65afe5f90ca8b65ac;
uint256 constant VAL_B_Y = 0x222b634ffecde02c46b0ffdb20d4c66960da05715f389da5a067ab9e135dea1a;
uint256 constant VAL_C_X = 0x0bca17e650846b6c727be70cf277e380779404e2cade3ac58321ed0e9de1fa40;
uint256 constant VAL_C_Y = 0x0383791a51f2c4dc3ee601cdaea565438c736420c35c808f609fff10a5be17bd;
uint256 constant TS_ROW_X = 0x279fdd4fc38052e6dda26727f9877eb356a8abe00109a34eeefa9d84d59d7bd9;
uint256 constant TS_ROW_Y = 0x0747d2853115c866d2fde8877aa519bfcef67115df63e0ae58a6110a6762cde2;
uint256 constant TS_COL_X = 0x05028ace906bc200a2332b644f00f6eec4887099096b5880c55554ad3339511d;
uint256 constant TS_COL_Y = 0x158128aa3963658721242afcd38b9d9ad0fa0c54c454116f3d665041fc44ba65;

/// @dev The generator of G2 and its multiple by the setup's secret, in the precompile's order.
uint256 constant H_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
uint256 constant H_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
uint256 constant H_Y_IM = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
uint256 constant H_Y_RE = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
uint256 constant TAU_H_X_IM = 0x0d4c3359d51f2a2a40d639aefbe8185992b7ec55bd8ef967b51df89af79a8377;
uint256 constant TAU_H_X_RE = 0x294b6c50bb70161d95811547fba7dd1b3eb27fea9dcac7d13a3cc48e88b35580;
uint256 constant TAU_H_Y_IM = 0x2e541407e21c19f450ba1c0674071ac2d5311b38f996a6fc42f2c4241ed3fcc6;
uint256 constant TAU_H_Y_RE = 0x1b76353f1548d8be37b80190202fee9739e30e95155fd163a5b40b945f5e50b9;
