//! A scenario of one small epoch.

use std::path::{Path, PathBuf};

/// Three rollups that each send one exit and one transfer of 0.001 Ether in one batch: so each ends
/// with 0.001 Ether received. Returns the scenario's file.
pub(crate) fn small(folder: &Path) -> PathBuf {
    let file = folder.join("small.toml");
    std::fs::write(&file, RULE).unwrap();
    let recipient = "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287";
    let rows = (1..=6).map(|number| format!("{number},ETH,1000000000000000,{recipient}\n"));
    let heading = "deposit_count,token,amount_atoms,recipient\n";
    let rows = heading.to_owned() + &rows.collect::<String>();
    std::fs::write(folder.join("small_transfers.csv"), rows).unwrap();
    file
}

const RULE: &str = r#"
rollups = 3
batches_per_rollup = 1
epochs = 1
exit_every = 3
depositors = 1

[[asset]]
row_token = "ETH"
symbol = "ETH"
native = true
token_decimals = 18
ledger_decimals = 18
exits_only = false
"#;
