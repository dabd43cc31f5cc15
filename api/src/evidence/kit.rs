//! The exit-kit of an epoch: all that its users need to be paid on L1 when nobody is there any more.
//!
//! Lines of JSON: the head, then one exit a line, then the end. Whoever has to be paid needs the head and
//! their own line.

use std::collections::VecDeque;

use alloy_primitives::{Address, B256, Keccak256};
use domain::{
    AssetId, Atoms, ChunkPaths, Claim, DomainIdentity, ExitIndex, ExitRoot, ExitTree, RollupId,
    limits::EXIT_TREE_DEPTH,
};
use ledger::{EpochExits, SettledEpoch};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;

use super::{AssetRecord, BoundDomain, EpochRecord, Fault, SettlementRecord};

/// The first line of an exit-kit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KitHead {
    /// `netfold.exit-kit.v1`
    #[schema(example = "netfold.exit-kit.v1")]
    pub format: String,
    /// What everything is bound to.
    pub domain: BoundDomain,
    /// The epoch.
    pub epoch: EpochRecord,
    /// What settled it on L1.
    pub settlement: SettlementRecord,
    /// The assets.
    pub assets: Vec<AssetRecord>,
    /// The rollups with exits in the epoch.
    pub rollups: Vec<KitRollup>,
    /// How many exits follow.
    pub exits: u64,
    /// The functions of the contract that pay them.
    #[schema(value_type = Vec<Object>)]
    pub abi: Value,
    /// What to do, in words.
    pub how_to: Vec<String>,
}

/// A rollup of an exit-kit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KitRollup {
    /// The rollup.
    #[schema(value_type = u16)]
    pub rollup: RollupId,
    /// The number of its first exit in the epoch.
    #[schema(value_type = u32)]
    pub first: ExitIndex,
    /// How many exits it has in the epoch.
    pub exits: u32,
    /// What is left of its exit tree before the epoch: per level, bottom up, the last complete left node,
    /// zero where there is none.
    #[schema(value_type = Vec<String>)]
    pub before: Vec<B256>,
}

/// An exit of an exit-kit, a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KitExit {
    /// The rollup that it left.
    #[schema(value_type = u16)]
    pub rollup: RollupId,
    /// Its number among the rollup's exits.
    #[schema(value_type = u32)]
    pub index: ExitIndex,
    /// The asset.
    #[schema(value_type = u16)]
    pub asset: AssetId,
    /// Who is paid on L1.
    #[schema(value_type = String)]
    pub recipient: Address,
    /// How much, in atoms.
    #[schema(value_type = String)]
    pub atoms: Atoms,
    /// The same in the asset's ledger decimals.
    pub amount: String,
    /// The 32 siblings from its leaf to the exit root of its rollup in `epoch.closing`, bottom up.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<B256>,
}

/// The last line of an exit-kit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KitEnd {
    /// How many exits came.
    pub exits: u64,
    /// Keccak-256 of all lines before this one, with their line feeds. It finds damage; who wants to deceive
    /// makes it anew.
    #[schema(value_type = String)]
    pub checksum: B256,
}

/// What a line of a kit was.
#[derive(Clone, Debug, PartialEq)]
pub enum KitLine {
    /// One exit, whose path leads to what was settled.
    Exit(Box<KitExit>),
    /// The end: everything was there.
    End,
}

/// Reads an exit-kit line by line; what it holds does not grow with the file.
#[derive(Debug)]
pub struct KitCheck {
    head: KitHead,
    hasher: Keccak256,
    waiting: VecDeque<Expected>,
    found: u64,
    ended: bool,
}

/// A rollup whose exits are still to come.
#[derive(Debug)]
struct Expected {
    rollup: RollupId,
    tree: ExitTree,
    left: u32,
    root: ExitRoot,
}

impl KitHead {
    /// What such a file says of itself.
    pub const FORMAT: &'static str = "netfold.exit-kit.v1";

    pub(crate) fn of(
        settled: &SettledEpoch,
        exits: &[EpochExits],
        identity: &DomainIdentity,
        assets: impl Iterator<Item = AssetRecord>,
    ) -> Result<Self, Fault> {
        let rollups = exits.iter().map(|one| one.rollup).collect::<Vec<_>>();
        Ok(Self {
            format: Self::FORMAT.to_owned(),
            domain: BoundDomain::of(identity),
            epoch: EpochRecord::of(settled),
            settlement: SettlementRecord::of(settled, &rollups),
            assets: assets.collect(),
            rollups: exits.iter().map(KitRollup::of).collect(),
            exits: exits.iter().map(|one| u64::from(one.exits)).sum(),
            abi: serde_json::from_str(CLAIM_ABI)?,
            how_to: HOW_TO.map(str::to_owned).to_vec(),
        })
    }
}

impl KitRollup {
    fn of(exits: &EpochExits) -> Self {
        let first = exits.before.next_index();
        let before = exits.before.waiting().iter().zip(0_u32..);
        let before =
            before.map(|(node, level)| if waits(first, level) { *node } else { B256::ZERO });
        Self { rollup: exits.rollup, first, exits: exits.exits, before: before.collect() }
    }

    /// The tree before the epoch. Levels on which nothing waits say so in one way.
    fn tree(&self) -> Result<ExitTree, Fault> {
        let stray = |(node, level): (&B256, u32)| !waits(self.first, level) && *node != B256::ZERO;
        if self.before.len() != EXIT_TREE_DEPTH || self.before.iter().zip(0..).any(stray) {
            return Err(Fault::NotCanonical);
        }
        ExitTree::from_parts(self.first, self.before.clone()).ok_or(Fault::NotCanonical)
    }
}

impl KitExit {
    pub(crate) fn of(claim: &Claim, paths: &ChunkPaths<'_>, decimals: u8) -> Option<Self> {
        Some(Self {
            rollup: claim.rollup,
            index: claim.index,
            asset: claim.asset,
            recipient: claim.recipient,
            atoms: claim.atoms,
            amount: claim.atoms.to_decimal_string(decimals),
            path: paths.path(claim.index)?,
        })
    }

    /// The exit as L1 pays it.
    #[must_use]
    pub fn claim(&self) -> Claim {
        let Self { rollup, index, asset, recipient, atoms, .. } = *self;
        Claim { rollup, index, asset, recipient, atoms }
    }
}

impl KitCheck {
    /// Begins with the first line, without its line feed.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn begin(line: &[u8]) -> Result<Self, Fault> {
        let head: KitHead = in_one_form(line)?;
        if head.format != KitHead::FORMAT {
            return Err(Fault::UnknownFormat { expected: KitHead::FORMAT });
        }
        head.domain.check()?;
        let state = head.epoch.check()?;
        let rollups = head.rollups.iter().map(|one| one.rollup).collect::<Vec<_>>();
        if !rollups.is_sorted_by(|one, next| one < next) {
            return Err(Fault::NotCanonical);
        }
        head.settlement.check(&head.epoch, &state, &rollups)?;
        if !head.assets.is_sorted_by(|one, next| one.asset < next.asset) {
            return Err(Fault::NotCanonical);
        }
        for asset in &head.assets {
            asset.read()?;
        }
        let abi: Value = serde_json::from_str(CLAIM_ABI)?;
        if head.abi != abi || head.how_to != HOW_TO {
            return Err(Fault::Instructions);
        }
        let mut waiting = VecDeque::new();
        for one in &head.rollups {
            let rollup = one.rollup;
            let closed = state.rollup(rollup).map_err(Fault::State)?;
            if one.exits == 0 {
                return Err(Fault::NotCanonical);
            }
            let (tree, root) = (one.tree()?, closed.exit_root);
            waiting.push_back(Expected { rollup, tree, left: one.exits, root });
        }
        let said = head.rollups.iter().map(|one| u64::from(one.exits)).sum();
        if head.exits != said {
            return Err(Fault::Incomplete { said: head.exits, found: said });
        }
        let mut check = Self { head, hasher: Keccak256::new(), waiting, found: 0, ended: false };
        check.hash(line);
        Ok(check)
    }

    /// What the first line says.
    #[must_use]
    pub fn head(&self) -> &KitHead {
        &self.head
    }

    /// Checks the next line, without its line feed.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn line(&mut self, line: &[u8]) -> Result<KitLine, Fault> {
        if self.waiting.is_empty() {
            return self.end(line).map(|()| KitLine::End);
        }
        // An end in an exit's place: the file was cut and closed again.
        if let Ok(end) = in_one_form::<KitEnd>(line) {
            return Err(Fault::Incomplete { said: self.head.exits, found: end.exits });
        }
        let exit: KitExit = in_one_form(line)?;
        self.exit(&exit)?;
        self.hash(line);
        Ok(KitLine::Exit(Box::new(exit)))
    }

    /// The file has ended; so must the kit have.
    ///
    /// # Errors
    /// [`Fault::Incomplete`].
    pub fn finish(self) -> Result<KitHead, Fault> {
        if self.ended {
            Ok(self.head)
        } else {
            Err(Fault::Incomplete { said: self.head.exits, found: self.found })
        }
    }

    fn exit(&mut self, exit: &KitExit) -> Result<(), Fault> {
        let (rollup, index) = (exit.rollup, exit.index);
        let next = self.waiting.front_mut().ok_or(Fault::OutOfOrder { rollup, index })?;
        if (next.rollup, next.tree.next_index()) != (rollup, index) {
            return Err(Fault::OutOfOrder { rollup, index });
        }
        let asset = self.head.assets.iter().find(|asset| asset.asset == exit.asset);
        let asset = asset.ok_or(Fault::Asset { asset: exit.asset })?;
        if exit.amount != exit.atoms.to_decimal_string(asset.ledger_decimals) {
            return Err(Fault::Amount { rollup, index });
        }
        let claim = exit.claim();
        if !claim.proven_by(&exit.path, next.root) {
            return Err(Fault::SettledPath { rollup, index });
        }
        next.tree = next.tree.append(claim.leaf()).ok_or(Fault::Tree { rollup })?;
        next.left = next.left.saturating_sub(1);
        self.found = self.found.saturating_add(1);
        if next.left > 0 {
            return Ok(());
        }
        // All of the epoch, and nothing behind them: together with what was before they make the root.
        if next.tree.root() != next.root {
            return Err(Fault::Tree { rollup });
        }
        self.waiting.pop_front();
        Ok(())
    }

    fn end(&mut self, line: &[u8]) -> Result<(), Fault> {
        let incomplete = Fault::Incomplete { said: self.head.exits, found: self.found };
        if self.ended {
            return Err(incomplete);
        }
        let end: KitEnd = in_one_form(line)?;
        if end.exits != self.found {
            return Err(incomplete);
        }
        if end.checksum != self.hasher.clone().finalize() {
            return Err(Fault::Altered);
        }
        self.ended = true;
        Ok(())
    }

    fn hash(&mut self, line: &[u8]) {
        self.hasher.update(line);
        self.hasher.update(b"\n");
    }
}

/// Reads a line that must be written as we write it, byte for byte.
fn in_one_form<T: Serialize + DeserializeOwned>(line: &[u8]) -> Result<T, Fault> {
    let read: T = serde_json::from_slice(line)?;
    if serde_json::to_vec(&read)? == line { Ok(read) } else { Err(Fault::NotCanonical) }
}

/// Whether a node waits on a level of a tree that has so many leaves.
fn waits(next: ExitIndex, level: u32) -> bool {
    next.number().checked_shr(level).unwrap_or(0) & 1 == 1
}

/// The functions that pay exits, as in the contract's ABI.
const CLAIM_ABI: &str = include_str!("claim.abi.json");

/// What whoever holds a kit has to do.
pub const HOW_TO: [&str; 6] = [
    "This file is enough to pay every exit of the epoch on L1, without the operator, the rollups or their databases.",
    "Anybody may send the claims. The money goes to the recipient that the rollup signed, whoever sends, and each exit is paid once.",
    "Check the file first: netfold verify FILE --l1-rpc-url URL. Compare `domain.settlement` with the contract's address that you know.",
    "With netfold: netfold claim --kit FILE ROLLUP INDEX, or netfold claim --kit FILE --all. L1_RPC_URL names a node, L1_PRIVATE_KEY pays the gas.",
    "Without netfold: call `claim` of `abi` on `domain.settlement`, with (epoch, rollup, index, asset, recipient, atoms) of your exit's line, `epoch` being `epoch.epoch`, and with its `path`.",
    "`claimMany` takes lists of the same, and skips what has been paid. If a recipient cannot be paid, L1 keeps the amount as their credit: `withdrawCredit`.",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions in a kit are the contract's.
    #[test]
    fn the_abi_is_the_contracts() {
        let contract: Value =
            serde_json::from_str(include_str!("../../../contracts/abi/Settlement.json")).unwrap();
        let entries = contract.as_array().or_else(|| contract["abi"].as_array()).unwrap();
        let named = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
        let abi: Value = serde_json::from_str(CLAIM_ABI).unwrap();
        let expected = ["claim", "claimMany", "isClaimed"].map(|name| named(name).clone());
        assert_eq!(abi, Value::from(expected.to_vec()));
    }
}
