//! Random histories of a domain: mostly valid, so that they go far, and deterministic.
//!
//! **Invariant:** a history is a list of small actions; what an action means is decided by the
//! state it meets, so that any list is a history and shrinking keeps it one.

use alloy_primitives::{Address, keccak256};
use domain::{
    AssetId, Atoms, Batch, BatchParts, Exit, ExitTree, L2Root, LiquidityState, Operation, RollupId,
    SigningKey, Transfer, Word, limits,
};
use proptest::prelude::*;

/// One thing that happens to a domain.
#[derive(Clone, Debug)]
pub enum Action {
    /// Tokens are deposited.
    Deposit {
        /// Picks the rollup.
        rollup: u16,
        /// Picks the asset.
        asset: u16,
        /// How much, at least 1.
        atoms: u64,
    },
    /// A rollup posts a batch.
    Batch {
        /// Picks the rollup.
        rollup: u16,
        /// Picks destination, asset and the share of the balance in 1/256.
        moves: Vec<(u16, u16, u8)>,
    },
}

/// A domain as its users see it: the state, and what each rollup knows of itself.
#[derive(Clone, Debug)]
pub struct World {
    /// The model's state.
    pub state: LiquidityState,
    /// Everything that was applied, in order.
    pub operations: Vec<Operation>,
    domain_word: Word,
    trees: Vec<ExitTree>,
}

/// How many rollups a history uses: fewer than the shape has, so that they meet.
const ROLLUPS: u16 = 4;
/// How many assets a history uses.
pub const ASSETS: u16 = 2;

impl World {
    /// A domain with its rollups registered and nothing held.
    ///
    /// # Panics
    /// Never for a correct model: registering fresh rollups is refused by no rule.
    #[must_use]
    #[expect(clippy::panic, reason = "a refusal here is a failed test")]
    pub fn new(domain_word: Word) -> Self {
        let trees = vec![ExitTree::empty(); limits::MAX_ROLLUPS];
        let state = LiquidityState::genesis();
        let mut world = Self { state, operations: Vec::new(), domain_word, trees };
        for rollup in RollupId::all().take(usize::from(ROLLUPS)) {
            let key = signing_key(rollup).public();
            if let Err(refusal) = world.apply(Operation::Register { rollup, key }) {
                panic!("{refusal}");
            }
        }
        world
    }

    /// The word that its signatures carry.
    #[must_use]
    pub fn domain_word(&self) -> Word {
        self.domain_word
    }

    /// Applies an operation to the model and remembers it.
    ///
    /// # Errors
    /// The model's refusal; nothing has changed.
    pub fn apply(&mut self, operation: Operation) -> Result<(), domain::Refusal> {
        self.state = self.state.apply(&operation, self.domain_word)?;
        if let Operation::Batch(batch) = &operation
            && let Some(tree) = batch.rollup().slot().and_then(|slot| self.trees.get_mut(slot))
        {
            *tree = batch.continue_exit_tree(tree)?;
        }
        self.operations.push(operation);
        Ok(())
    }

    /// What an action means here; `None` when it would move nothing.
    #[must_use]
    pub fn operation(&self, action: &Action) -> Option<Operation> {
        match action {
            Action::Deposit { rollup, asset, atoms } => Some(Operation::Deposit {
                rollup: pick_rollup(*rollup),
                asset: pick_asset(*asset),
                atoms: Atoms::new(u128::from(*atoms).max(1)).ok()?,
            }),
            Action::Batch { rollup, moves } => self
                .batch(pick_rollup(*rollup), moves)
                .map(|batch| Operation::Batch(Box::new(batch))),
        }
    }

    fn batch(&self, rollup: RollupId, moves: &[(u16, u16, u8)]) -> Option<Batch> {
        let (transfers, exits) = self.items(rollup, moves);
        let state = self.state.rollup(rollup).ok()?;
        let lanes = Batch::sum_lanes(rollup, &transfers, &exits).ok()?;
        let height = state.next_height;
        let seed =
            [rollup.number().to_be_bytes().as_slice(), &height.number().to_be_bytes()].concat();
        let signature = signing_key(rollup).sign(Word::ZERO);
        let mut parts = BatchParts {
            rollup,
            height,
            previous_root: state.root,
            new_root: L2Root::new(keccak256(seed)),
            exit_root: domain::ExitRoot::UNSET,
            transfers,
            exits,
            lanes,
            signature,
        };
        let tree = self.trees.get(rollup.slot()?)?;
        let unsigned = Batch::new(parts.clone()).ok()?;
        parts.exit_root = match unsigned.continue_exit_tree(tree) {
            Ok(tree) => tree.root(),
            Err(domain::Refusal::ExitRootMismatch { expected, .. }) => expected,
            Err(_) => return None,
        };
        parts.signature = signing_key(rollup).sign(parts.digest(self.domain_word));
        Batch::new(parts).ok()
    }

    /// Shares of what the cells hold, never more in all, and never more lanes than a batch has.
    fn items(&self, rollup: RollupId, moves: &[(u16, u16, u8)]) -> (Vec<Transfer>, Vec<Exit>) {
        let (mut transfers, mut exits) = (Vec::new(), Vec::new());
        let mut lanes = std::collections::BTreeSet::new();
        let mut left = std::collections::BTreeMap::new();
        for (destination, asset, share) in moves {
            let asset = pick_asset(*asset);
            let destination = pick_destination(*destination, rollup);
            let held = self.state.cell(rollup, asset).map_or(0, |cell| cell.balance.number());
            let rest = left.entry(asset).or_insert(held);
            let part = rest.saturating_mul(u128::from(*share)) / 255;
            let known = lanes.contains(&(asset, destination));
            if part == 0 || (!known && lanes.len() == limits::LANES_PER_BATCH) {
                continue;
            }
            let Ok(atoms) = Atoms::new(part) else { continue };
            lanes.insert((asset, destination));
            *rest = rest.saturating_sub(part);
            let recipient = Address::left_padding_from(&share.to_be_bytes());
            if destination == RollupId::L1 {
                exits.push(Exit { asset, atoms, recipient });
            } else {
                transfers.push(Transfer { to: destination, asset, atoms, recipient });
            }
        }
        (transfers, exits)
    }
}

/// The key with which a rollup of a history signs.
#[must_use]
pub fn signing_key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed(keccak256(rollup.number().to_be_bytes()).0)
}

/// Lists of actions.
pub fn actions(most: usize) -> impl Strategy<Value = Vec<Action>> {
    let deposit = (any::<u16>(), any::<u16>(), any::<u64>())
        .prop_map(|(rollup, asset, atoms)| Action::Deposit { rollup, asset, atoms });
    let moves = prop::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..6);
    let batch = (any::<u16>(), moves).prop_map(|(rollup, moves)| Action::Batch { rollup, moves });
    prop::collection::vec(prop_oneof![1 => deposit, 3 => batch], 1..most)
}

fn pick_rollup(number: u16) -> RollupId {
    RollupId::new((number % ROLLUPS).saturating_add(1))
}

fn pick_asset(number: u16) -> AssetId {
    AssetId::new((number % ASSETS).saturating_add(1))
}

/// L1 or another rollup.
fn pick_destination(number: u16, from: RollupId) -> RollupId {
    let others = ROLLUPS.saturating_sub(1);
    let step = number % ROLLUPS;
    if step == others {
        return RollupId::L1;
    }
    let next = from.number().saturating_add(step) % ROLLUPS;
    RollupId::new(next.saturating_add(1))
}
