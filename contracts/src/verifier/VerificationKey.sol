// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

// Made by `netfold contracts verifier` from the verification key. Not to be edited.

/// @dev SHA-256 of the key file, setup included.
bytes32 constant VERIFICATION_KEY_ID =
    0x7ce6c40fef2294a173c78654765653a858a73ca911fd8a476aa9f398be7b48e7;

/// @dev Whether everybody knows the setup's secret, and so can forge.
bool constant INSECURE_SETUP = true;

/// @dev Nova's digest of the key, which opens every transcript.
uint256 constant KEY_DIGEST = 0x011cf5a6d22e3518aec3c76f92fc88958e598a10d2b0d3fba5abaed7c3bcd09b;

/// @dev Exponents of the padded constraints, variables and matrix entries.
uint256 constant LOG_CONSTRAINTS = 18;
uint256 constant LOG_VARIABLES = 18;
uint256 constant LOG_ENTRIES = 20;

/// @dev Commitments to the circuit's matrices, in G1.
uint256 constant ROW_X = 0x01a7f301d1ca0818fc1a9ab86a6eed6d9d08e6a1e76d1b50b624c1ae819334db;
uint256 constant ROW_Y = 0x22a73139e1c5ed9e8176b4620f0461298f93bf4380c5cc0ac74288582a9712d3;
uint256 constant COL_X = 0x17203e116ee85feaaa360ed8542e7416b80cf99bdccbdef462a088b49d8b7acc;
uint256 constant COL_Y = 0x1fc4443869835c07dd1368acec7f70215aa23975a64bbd0aa6527a30bae0c107;
uint256 constant VAL_A_X = 0x26b689b88881c7e94634502df9eea3ebf74ce8e7cf8114ba8c3cdd5a21de2f27;
uint256 constant VAL_A_Y = 0x1b72fae8ec677e1283244f9461b7ab0db8ba970aeca8dce81e5e3c134d52d5e3;
uint256 constant VAL_B_X = 0x01fff54d0d7af178fd148e91b7d08b6b7cf731f8de3b56ea5e1c68668f764802;
uint256 constant VAL_B_Y = 0x29b5397deafba3e8704814e856b60f9e94820fe715573cf25a2f04bf03239e1a;
uint256 constant VAL_C_X = 0x1ec83ff61ede0d262353003b7547c2efbe16ee3192c70f49b44cb25c31ff27a1;
uint256 constant VAL_C_Y = 0x22d0c5ef082eac30f0447c0d8c482917a6fe7acae54671b4fe82d4e33a0310c9;
uint256 constant TS_ROW_X = 0x0cd2c8723601fd4c4d033d17d4da9eb85f9a1cd084b0b9b75a11e615241954a8;
uint256 constant TS_ROW_Y = 0x1231766abc8ca3b0b11a0a0599026de69c2f118cbd0c11a6e19bceaa33cd51d5;
uint256 constant TS_COL_X = 0x0ccccdb70483043f4049f16b4686f542b2ea9125218dbd0dcba135f8cec87599;
uint256 constant TS_COL_Y = 0x0db5f3d0571e5a89f01a83a2e9335ed86d8307a7e6c8fbd1be4fc547c660049a;

/// @dev The generator of G2 and its multiple by the setup's secret, in the precompile's order.
uint256 constant H_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
uint256 constant H_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
uint256 constant H_Y_IM = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
uint256 constant H_Y_RE = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
uint256 constant TAU_H_X_IM = 0x0d4c3359d51f2a2a40d639aefbe8185992b7ec55bd8ef967b51df89af79a8377;
uint256 constant TAU_H_X_RE = 0x294b6c50bb70161d95811547fba7dd1b3eb27fea9dcac7d13a3cc48e88b35580;
uint256 constant TAU_H_Y_IM = 0x2e541407e21c19f450ba1c0674071ac2d5311b38f996a6fc42f2c4241ed3fcc6;
uint256 constant TAU_H_Y_RE = 0x1b76353f1548d8be37b80190202fee9739e30e95155fd163a5b40b945f5e50b9;
