// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

// Made by `netfold contracts verifier` from the verification key. Not to be edited.

/// @dev SHA-256 of the key file, setup included.
bytes32 constant VERIFICATION_KEY_ID =
    0xc199885d0728963abc183fd8dd80fefa91b54b5a617edddd9f7caa05b453fd27;

/// @dev Whether everybody knows the setup's secret, and so can forge.
bool constant INSECURE_SETUP = true;

/// @dev Nova's digest of the key, which opens every transcript.
uint256 constant KEY_DIGEST = 0x024ab4c891dbcf80970e9a5462708f2b95304364aed4e0bbf3cb87874cdfcbea;

/// @dev Exponents of the padded constraints, variables and matrix entries.
uint256 constant LOG_CONSTRAINTS = 18;
uint256 constant LOG_VARIABLES = 18;
uint256 constant LOG_ENTRIES = 20;

/// @dev Commitments to the circuit's matrices, in G1.
uint256 constant ROW_X = 0x1abf9990863cc935d392206f310a8739fa80f3ac9dd04f075418d1759f877c67;
uint256 constant ROW_Y = 0x002a746e352d61e2b5543365876e2a819dd74caf7b56c1b303884a8b9d0f189a;
uint256 constant COL_X = 0x19a5be3c78204d48a050de83f5b1772c6c4a0288385d7ae302df061b1f300910;
uint256 constant COL_Y = 0x12ebd74f398aa274d6bc1f47b1d31fca767fc0f8339951c866344cedb4a0a58e;
uint256 constant VAL_A_X = 0x0911d7f32d9b110a36d557eeccec715710ed1d23fd177c5af7208c784c838136;
uint256 constant VAL_A_Y = 0x14bed3541488c1f49eebac5dd0f2a0a9258be1447d06670fcc81c165fcd3988d;
uint256 constant VAL_B_X = 0x213b2048f53d4c5469bb71789062dc8beaea3564b6734fd04ca8d4664e26c4bf;
uint256 constant VAL_B_Y = 0x04f375176e470ff77373f7193b10a68423a549a7db6bddb62c2b0283f5e22cbc;
uint256 constant VAL_C_X = 0x1afda1ac5939bbf465ec85cd3b89463b2283a40c7894cd7c1f9c8ac3311d1e06;
uint256 constant VAL_C_Y = 0x2a7b274be67192bedebaa5350a9b2f8a423c112f2cb7f7e08a1122230eb80fd4;
uint256 constant TS_ROW_X = 0x06da61c7bd19adeb8836dd8bfb40d49cd15257270223128efa69d144c19c9d62;
uint256 constant TS_ROW_Y = 0x2d1ea6a71246dcf31b19195dc4f31d17f6a9daf74472602b4a4dab63a4ca89a8;
uint256 constant TS_COL_X = 0x27cbe5312e73b8b7c61d10dc86e66c9ed662786e6c5bbe2d271bdeb17fd2a8aa;
uint256 constant TS_COL_Y = 0x14b0fdc09154d7777cfc5dcf3d4102191c75bce97d410e8b2f1f2efe28584662;

/// @dev The generator of G2 and its multiple by the setup's secret, in the precompile's order.
uint256 constant H_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
uint256 constant H_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
uint256 constant H_Y_IM = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
uint256 constant H_Y_RE = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
uint256 constant TAU_H_X_IM = 0x0d4c3359d51f2a2a40d639aefbe8185992b7ec55bd8ef967b51df89af79a8377;
uint256 constant TAU_H_X_RE = 0x294b6c50bb70161d95811547fba7dd1b3eb27fea9dcac7d13a3cc48e88b35580;
uint256 constant TAU_H_Y_IM = 0x2e541407e21c19f450ba1c0674071ac2d5311b38f996a6fc42f2c4241ed3fcc6;
uint256 constant TAU_H_Y_RE = 0x1b76353f1548d8be37b80190202fee9739e30e95155fd163a5b40b945f5e50b9;
