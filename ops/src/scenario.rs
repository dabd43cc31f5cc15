//! A scenario: rows of real transfers, and the rule by which a cluster of rollups sends them.
//!
//! **Invariant**: a plan holds every row of the file exactly once, in batches that keep all limits of
//! the domain, and deposits that cover whatever leaves a cell: the same for the same files.
//!
//! It knows neither keys nor L1: [`sign`] makes signed batches of a plan.

pub mod plan;
pub mod sign;
#[cfg(test)]
mod tests;

use std::path::Path;

use alloy_primitives::Address;
use anyhow::{Context as _, bail, ensure};
use domain::limits::{MAX_ASSETS, MAX_ROLLUPS};
use domain::{AssetId, Atoms, RollupId};
use serde::Deserialize;

/// The rule and the rows.
#[derive(Clone, Debug)]
pub struct Scenario {
    rule: Rule,
    rows: Vec<Row>,
}

/// A scenario's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    rollups: u16,
    batches_per_rollup: usize,
    epochs: usize,
    exit_every: usize,
    depositors: usize,
    asset: Vec<ScenarioAsset>,
}

/// An asset of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioAsset {
    /// How the rows name it.
    pub row_token: String,
    /// What people call it.
    pub symbol: String,
    /// Whether it is the chain's own coin; otherwise a token contract is deployed for it.
    pub native: bool,
    /// Decimals of the token.
    pub token_decimals: u8,
    /// Decimals of the ledger unit.
    pub ledger_decimals: u8,
    /// Whether all its rows are exits.
    pub exits_only: bool,
}

/// One real transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// What moved.
    pub asset: AssetId,
    /// How much.
    pub atoms: Atoms,
    /// To whom.
    pub recipient: Address,
}

impl Scenario {
    /// The shipped scenario.
    ///
    /// # Errors
    /// When the files compiled in are damaged, which a test excludes.
    pub fn shipped() -> anyhow::Result<Self> {
        Self::parse(
            include_str!("../scenarios/bridge.toml"),
            include_str!("../scenarios/bridge_transfers.csv"),
        )
        .context("the shipped scenario")
    }

    /// The scenario of a `.toml` file, with the rows in `NAME_transfers.csv` beside it.
    ///
    /// # Errors
    /// When a file cannot be read or understood.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let rows = file.with_file_name(format!(
            "{}_transfers.csv",
            file.file_stem().unwrap_or_default().to_string_lossy()
        ));
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .with_context(|| format!("could not read {}", path.display()))
        };
        Self::parse(&read(file)?, &read(&rows)?)
            .with_context(|| format!("the scenario {}", file.display()))
    }

    fn parse(rule: &str, rows: &str) -> anyhow::Result<Self> {
        let rule: Rule = toml::from_str(rule)?;
        rule.check()?;
        let mut lines = rows.lines().enumerate();
        let heading = lines.next().map(|(_, line)| line);
        ensure!(heading == Some(HEADING), "the first line of the rows is not {HEADING:?}");
        let parsed: anyhow::Result<Vec<Row>> = lines
            .map(|(index, line)| rule.row(line).with_context(|| format!("row {index}: {line:?}")))
            .collect();
        let rows = parsed?;
        ensure!(!rows.is_empty(), "there are no rows");
        Ok(Self { rule, rows })
    }

    /// The rollups, in the order of their registration.
    pub fn rollups(&self) -> impl Iterator<Item = RollupId> + use<> {
        (1..=self.rule.rollups).map(RollupId::new)
    }

    /// The assets with their ids, in the order of their registration.
    pub fn assets(&self) -> impl Iterator<Item = (AssetId, &ScenarioAsset)> {
        (1..).map(AssetId::new).zip(&self.rule.asset)
    }

    /// How many accounts deposit.
    #[must_use]
    pub fn depositors(&self) -> usize {
        self.rule.depositors
    }

    /// The real transfers.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

impl Rule {
    fn check(&self) -> anyhow::Result<()> {
        let rollups = usize::from(self.rollups);
        ensure!(
            (3..=MAX_ROLLUPS).contains(&rollups),
            "rollups: {rollups} is not in 3..={MAX_ROLLUPS}"
        );
        let assets = self.asset.len();
        ensure!((1..=MAX_ASSETS).contains(&assets), "asset: {assets} are not in 1..={MAX_ASSETS}");
        for (name, number) in [
            ("batches_per_rollup", self.batches_per_rollup),
            ("epochs", self.epochs),
            ("exit_every", self.exit_every),
            ("depositors", self.depositors),
        ] {
            ensure!((1..=100).contains(&number), "{name}: {number} is not in 1..=100");
        }
        Ok(())
    }

    fn row(&self, line: &str) -> anyhow::Result<Row> {
        let fields: Vec<&str> = line.split(',').collect();
        let [_, token, atoms, recipient] = fields.as_slice() else {
            bail!("{} fields are not 4", fields.len());
        };
        let position = self.asset.iter().position(|asset| asset.row_token == *token);
        let position =
            position.with_context(|| format!("token {token:?} is no asset of the scenario"))?;
        let asset = AssetId::new(u16::try_from(position)?.saturating_add(1));
        let atoms = Atoms::parse_decimal(atoms, 0)?;
        Ok(Row { asset, atoms, recipient: recipient.parse()? })
    }
}

/// The first line of the rows.
const HEADING: &str = "deposit_count,token,amount_atoms,recipient";
