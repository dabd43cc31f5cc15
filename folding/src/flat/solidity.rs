//! The verification key as the contract's source has it.

use std::fmt::Write;

use alloy_primitives::{B256, U256};

use super::SettlementVerifyingKey;

impl SettlementVerifyingKey {
    /// The file `VerificationKey.sol` of this key: constants alone, the same bytes for the same key.
    #[must_use]
    pub fn to_solidity(&self) -> String {
        let evm = self.evm();
        let mut source = String::from(
            "// SPDX-License-Identifier: MIT OR Apache-2.0\npragma solidity 0.8.37;\n\n\
             // Made by `netfold contracts verifier` from the verification key. Not to be edited.\n",
        );
        let id = B256::from(self.id().digest());
        let mut section = |text: &str, lines: &[(String, String)]| {
            // Writing to a string does not fail.
            let _ = write!(source, "\n/// @dev {text}\n");
            for (declaration, value) in lines {
                let one_line = format!("{declaration} = {value};");
                let line = if one_line.len() > 100 {
                    format!("{declaration} =\n    {value};")
                } else {
                    one_line
                };
                let _ = writeln!(source, "{line}");
            }
        };
        section(
            "SHA-256 of the key file, setup included.",
            &[("bytes32 constant VERIFICATION_KEY_ID".to_owned(), id.to_string())],
        );
        section(
            "Whether everybody knows the setup's secret, and so can forge.",
            &[("bool constant INSECURE_SETUP".to_owned(), self.id().is_insecure().to_string())],
        );
        section(
            "Nova's digest of the key, which opens every transcript.",
            &[number("KEY_DIGEST", evm.digest.to_uint())],
        );
        section(
            "Exponents of the padded constraints, variables and matrix entries.",
            &[
                small("LOG_CONSTRAINTS", evm.log_constraints),
                small("LOG_VARIABLES", evm.log_variables),
                small("LOG_ENTRIES", evm.log_entries),
            ],
        );
        let names = ["ROW", "COL", "VAL_A", "VAL_B", "VAL_C", "TS_ROW", "TS_COL"];
        let points: Vec<_> = names
            .into_iter()
            .zip(evm.matrix_commitments)
            .flat_map(|(name, [x, y])| {
                [number(&format!("{name}_X"), x), number(&format!("{name}_Y"), y)]
            })
            .collect();
        section("Commitments to the circuit's matrices, in G1.", &points);
        let points: Vec<_> = [("H", evm.h), ("TAU_H", evm.tau_h)]
            .into_iter()
            .flat_map(|(name, [x_re, x_im, y_re, y_im])| {
                [("X_IM", x_im), ("X_RE", x_re), ("Y_IM", y_im), ("Y_RE", y_re)]
                    .map(|(part, value)| number(&format!("{name}_{part}"), value))
            })
            .collect();
        section(
            "The generator of G2 and its multiple by the setup's secret, in the precompile's order.",
            &points,
        );
        source
    }
}

fn number(name: &str, value: U256) -> (String, String) {
    (format!("uint256 constant {name}"), format!("{value:#066x}"))
}

fn small(name: &str, value: u64) -> (String, String) {
    (format!("uint256 constant {name}"), value.to_string())
}
