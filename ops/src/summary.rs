//! What a run came to: for machines in one line, for people in a table.

use serde::Serialize;

/// The line that `netfold up --once --json` ends with. Its fields are relied upon: add, never
/// rename.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Summary {
    /// Epochs settled on L1.
    pub epochs: usize,
    /// Signed batches posted.
    pub batches: u64,
    /// Transfers and exits that they list.
    pub transfers: u64,
    /// Exits among them.
    pub exits: u64,
    /// Exits paid on L1.
    pub claims_paid: u64,
    /// Proof files verified, each in a process of its own.
    pub proofs_verified: usize,
    /// Gas of each epoch's settlement.
    pub l1_gas: Vec<u64>,
    /// What the audit found wrong.
    pub drift: u64,
    /// From start to end.
    pub seconds: u64,
}

/// What is told to people besides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Details {
    /// Value per asset.
    pub values: Vec<Value>,
    /// Every epoch.
    pub epochs: Vec<EpochDetails>,
    /// L1 transactions besides the settlements.
    pub other_l1_txs: usize,
    /// Their gas.
    pub other_gas: u64,
    /// What the parameters' key says of itself, when it is an insecure one.
    pub warning: Option<String>,
}

/// Value of one asset, as decimal strings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Value {
    /// The asset's name.
    pub symbol: String,
    /// What was transferred and exited.
    pub gross: String,
    /// What had to move on L1 after netting.
    pub net: String,
}

/// One epoch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EpochDetails {
    /// Its number.
    pub number: u64,
    /// Batches in it.
    pub batches: u64,
    /// Steps folded.
    pub steps: u32,
    /// Size of its proof file.
    pub proof_bytes: u64,
    /// From seal to proof.
    pub proving_seconds: u64,
    /// Gas of its settlement.
    pub gas: u64,
}

/// The summary for people.
#[must_use]
pub fn table(summary: &Summary, details: &Details) -> String {
    let mut lines = vec![
        format!(
            "{} epochs settled on L1, {} batches, {} transfers of which {} exits",
            summary.epochs, summary.batches, summary.transfers, summary.exits
        ),
        String::new(),
        format!("{:<8} {:>30} {:>30}", "asset", "gross", "net on L1"),
    ];
    for Value { symbol, gross, net } in &details.values {
        lines.push(format!("{symbol:<8} {gross:>30} {net:>30}"));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<8} {:>8} {:>6} {:>12} {:>9} {:>12}",
        "epoch", "batches", "steps", "proof bytes", "proving s", "L1 gas"
    ));
    for epoch in &details.epochs {
        lines.push(format!(
            "{:<8} {:>8} {:>6} {:>12} {:>9} {:>12}",
            epoch.number,
            epoch.batches,
            epoch.steps,
            epoch.proof_bytes,
            epoch.proving_seconds,
            epoch.gas
        ));
    }
    lines.push(String::new());
    lines.push(format!(
        "{} claims paid; deposits and claims took {} L1 transactions and {} gas",
        summary.claims_paid, details.other_l1_txs, details.other_gas
    ));
    lines.push(format!(
        "{} proof files verified in fresh processes; audit: drift {}",
        summary.proofs_verified, summary.drift
    ));
    lines.push(format!("{} s in all", summary.seconds));
    lines.extend(details.warning.clone());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The machine's line has exactly the promised fields, in their order.
    #[test]
    fn promised_fields() {
        let line = serde_json::to_string(&Summary::default()).unwrap();
        assert_eq!(
            line,
            r#"{"epochs":0,"batches":0,"transfers":0,"exits":0,"claims_paid":0,"proofs_verified":0,"l1_gas":[],"drift":0,"seconds":0}"#
        );
    }
}
