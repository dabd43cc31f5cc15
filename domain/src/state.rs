//! The liquidity state of a domain, and the reference transition.
//!
//! **Invariant:** every balance is in `[0, 2^96 - 1]`; heights only grow; a refused operation
//! changes nothing. This is the oracle for the ledger, the circuit and the contract.

use serde::{Deserialize, Serialize};

use crate::{
    AssetId, Atoms, Batch, BatchHead, ExitRoot, Height, L2Root, Refusal, RollupId, SettlementKey,
    SignedBatch, Word,
    batch::check_signature,
    chain_hash,
    limits::{MAX_ASSETS, MAX_CELLS, MAX_ROLLUPS},
};

/// The position of one (rollup, asset).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What the rollup may still move.
    pub balance: Atoms,
    /// Deposited from L1 in the open epoch.
    pub deposited: Atoms,
    /// Exited to L1 in the open epoch.
    pub exited: Atoms,
    /// Whether the open epoch touched it and has not emitted it yet.
    pub touched: bool,
}

/// What a domain knows of one rollup.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RollupState {
    /// Its key, `None` while it is not registered.
    pub key: Option<SettlementKey>,
    /// The height of its next batch.
    pub next_height: Height,
    /// The L2 root after its last batch.
    pub root: L2Root,
    /// The exit root after its last batch.
    pub exit_root: ExitRoot,
    /// Whether the open epoch touched it and has not emitted it yet.
    pub active: bool,
}

/// One change of the liquidity state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// A rollup was registered on L1.
    Register {
        /// Its id.
        rollup: RollupId,
        /// Its settlement key.
        key: SettlementKey,
    },
    /// Tokens were deposited on L1.
    Deposit {
        /// The credited cell's rollup.
        rollup: RollupId,
        /// The credited cell's asset.
        asset: AssetId,
        /// How much.
        atoms: Atoms,
    },
    /// A rollup posted a batch.
    Batch(Box<Batch>),
    /// A batch was posted here and evicted since. It changes nothing; only that a batch came after
    /// what stands before it stays true, so that steps which were fixed by it stay fixed.
    Evicted,
}

/// All cells and rollups of a domain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LiquidityState {
    rollups: [RollupState; MAX_ROLLUPS],
    cells: [[Cell; MAX_ASSETS]; MAX_ROLLUPS],
}

impl Cell {
    const EMPTY: Self =
        Self { balance: Atoms::ZERO, deposited: Atoms::ZERO, exited: Atoms::ZERO, touched: false };

    fn credit(&mut self, atoms: Atoms) -> Option<()> {
        self.balance = self.balance.checked_add(atoms)?;
        self.touched = true;
        Some(())
    }
}

impl RollupState {
    const UNREGISTERED: Self = Self {
        key: None,
        next_height: Height::FIRST,
        root: L2Root::UNSET,
        exit_root: ExitRoot::UNSET,
        active: false,
    };
}

impl LiquidityState {
    /// The state before the first epoch: nothing registered, nothing held.
    #[must_use]
    pub const fn genesis() -> Self {
        Self {
            rollups: [RollupState::UNREGISTERED; MAX_ROLLUPS],
            cells: [[Cell::EMPTY; MAX_ASSETS]; MAX_ROLLUPS],
        }
    }

    /// A state as it was stored; what is not listed is as in [`Self::genesis`].
    ///
    /// # Errors
    /// [`Refusal::UnknownRollup`] or [`Refusal::UnknownAsset`] outside the domain's shape.
    pub fn from_parts(
        rollups: impl IntoIterator<Item = (RollupId, RollupState)>,
        cells: impl IntoIterator<Item = (RollupId, AssetId, Cell)>,
    ) -> Result<Self, Refusal> {
        let mut state = Self::genesis();
        for (rollup, stored) in rollups {
            *state.rollup_mut(rollup)? = stored;
        }
        for (rollup, asset, stored) in cells {
            *state.cell_mut(rollup, asset)? = stored;
        }
        Ok(state)
    }

    /// The state after an operation.
    ///
    /// # Errors
    /// The first rule that it breaks; the state is as before.
    pub fn apply(&self, operation: &Operation, domain_word: Word) -> Result<Self, Refusal> {
        match operation {
            Operation::Register { rollup, key } => self.register(*rollup, *key),
            Operation::Deposit { rollup, asset, atoms } => self.deposit(*rollup, *asset, *atoms),
            Operation::Batch(batch) => self.apply_batch(batch, domain_word),
            Operation::Evicted => Ok(self.clone()),
        }
    }

    /// The state of a registered or unregistered rollup of the domain's shape.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollup`] outside the domain's shape.
    pub fn rollup(&self, rollup: RollupId) -> Result<&RollupState, Refusal> {
        rollup
            .slot()
            .and_then(|slot| self.rollups.get(slot))
            .ok_or(Refusal::UnknownRollup { rollup })
    }

    /// A cell of the domain's shape.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollup`] or [`Refusal::UnknownAsset`] outside the domain's shape.
    pub fn cell(&self, rollup: RollupId, asset: AssetId) -> Result<&Cell, Refusal> {
        let row = rollup.slot().and_then(|slot| self.cells.get(slot));
        let row = row.ok_or(Refusal::UnknownRollup { rollup })?;
        asset.slot().and_then(|slot| row.get(slot)).ok_or(Refusal::UnknownAsset { asset })
    }

    /// Every rollup slot of the shape, in order of id.
    pub fn rollups(&self) -> impl Iterator<Item = (RollupId, &RollupState)> {
        RollupId::all().zip(&self.rollups)
    }

    /// Every cell of the shape, in the order of the circuit's table: by rollup, then asset.
    pub fn cells(&self) -> impl Iterator<Item = (RollupId, AssetId, &Cell)> {
        RollupId::all().zip(&self.cells).flat_map(|(rollup, row)| {
            AssetId::all().zip(row).map(move |(asset, cell)| (rollup, asset, cell))
        })
    }

    /// How many cells and rollups the open epoch touched and has not emitted yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        let cells = self.cells().filter(|(_, _, cell)| cell.touched).count();
        let rollups = self.rollups.iter().filter(|rollup| rollup.active).count();
        cells.saturating_add(rollups)
    }

    /// The state digest: the chain hash, under `netfold.state.v1`, of [`Self::digest_words`].
    #[must_use]
    pub fn digest(&self) -> Word {
        chain_hash("netfold.state.v1", &self.digest_words())
    }

    /// The words under the digest: per cell balance, deposited and exited; the touched flags as one
    /// word, the active flags as one; per rollup the key, the halves of both roots, the height.
    #[must_use]
    pub fn digest_words(&self) -> Vec<Word> {
        let mut words = Vec::with_capacity(MAX_CELLS * 3 + 2 + MAX_ROLLUPS * 7);
        for (_, _, cell) in self.cells() {
            let amounts = [cell.balance, cell.deposited, cell.exited];
            words.extend(amounts.map(|atoms| Word::from(atoms.number())));
        }
        words.push(flags(self.cells().map(|(_, _, cell)| cell.touched)));
        words.push(flags(self.rollups.iter().map(|rollup| rollup.active)));
        for rollup in &self.rollups {
            let key = rollup.key.map_or([Word::ZERO; 2], |key| [key.x(), key.y()]);
            words.extend(key);
            words.extend(rollup.root.words());
            words.extend(rollup.exit_root.words());
            words.push(Word::from(rollup.next_height.number()));
        }
        words
    }

    /// The state after a touched cell was emitted: its flag and the epoch's amounts are cleared.
    /// `None` if the cell is not touched.
    #[must_use]
    pub fn emit_cell(&self, rollup: RollupId, asset: AssetId) -> Option<Self> {
        let mut next = self.clone();
        let cell = next.cell_mut(rollup, asset).ok()?;
        if !cell.touched {
            return None;
        }
        *cell = Cell { balance: cell.balance, ..Cell::EMPTY };
        Some(next)
    }

    /// The state after an active rollup was emitted. `None` if the rollup is not active.
    #[must_use]
    pub fn emit_rollup(&self, rollup: RollupId) -> Option<Self> {
        let mut next = self.clone();
        let state = next.rollup_mut(rollup).ok()?;
        if !state.active {
            return None;
        }
        state.active = false;
        Some(next)
    }

    /// The state with everything emitted: what the next epoch opens with.
    #[must_use]
    pub fn close_epoch(&self) -> Self {
        let mut next = self.clone();
        for cell in next.cells.iter_mut().flatten() {
            *cell = Cell { balance: cell.balance, ..Cell::EMPTY };
        }
        for rollup in &mut next.rollups {
            rollup.active = false;
        }
        next
    }

    /// The key of a registered rollup.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollup`].
    pub fn key_of(&self, rollup: RollupId) -> Result<SettlementKey, Refusal> {
        self.rollup(rollup)?.key.ok_or(Refusal::UnknownRollup { rollup })
    }

    fn register(&self, rollup: RollupId, key: SettlementKey) -> Result<Self, Refusal> {
        let mut next = self.clone();
        let state = next.rollup_mut(rollup)?;
        if state.key.is_some() {
            return Err(Refusal::AlreadyRegistered { rollup });
        }
        state.key = Some(key);
        state.active = true;
        Ok(next)
    }

    fn deposit(&self, rollup: RollupId, asset: AssetId, atoms: Atoms) -> Result<Self, Refusal> {
        self.key_of(rollup)?;
        if atoms.is_zero() {
            return Err(Refusal::ZeroAmount { index: 0 });
        }
        let mut next = self.clone();
        let cell = next.cell_mut(rollup, asset)?;
        let too_large = Refusal::AmountTooLarge { rollup, asset };
        cell.credit(atoms).ok_or(too_large)?;
        cell.deposited = cell.deposited.checked_add(atoms).ok_or(too_large)?;
        Ok(next)
    }

    /// The state after a batch whose signature was verified before, by the key that is registered
    /// here: what [`Self::apply`] says, without verifying it again.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_signed(&self, signed: &SignedBatch, domain_word: Word) -> Result<Self, Refusal> {
        let key = self.key_of(signed.batch().rollup())?;
        if !signed.is_by(key, domain_word) {
            return self.apply_batch(signed.batch(), domain_word);
        }
        self.replay(&signed.batch().head())
    }

    /// The state after a batch that was applied to a state before, when its signature was verified:
    /// order and balances are checked anew, the signature is not.
    ///
    /// # Errors
    /// As [`Self::apply`], but for the signature.
    pub fn replay(&self, head: &BatchHead) -> Result<Self, Refusal> {
        self.check_order(head)?;
        self.move_lanes(head)
    }

    fn apply_batch(&self, batch: &Batch, domain_word: Word) -> Result<Self, Refusal> {
        let key = self.key_of(batch.rollup())?;
        let head = batch.head();
        self.check_order(&head)?;
        check_signature(batch, batch.digest(domain_word), key)?;
        self.move_lanes(&head)
    }

    fn move_lanes(&self, batch: &BatchHead) -> Result<Self, Refusal> {
        let rollup = batch.rollup;
        let mut next = self.clone();
        for asset in AssetId::all() {
            let needed = batch.total_of(asset)?;
            if needed.is_zero() {
                continue;
            }
            let cell = next.cell_mut(rollup, asset)?;
            let balance = cell.balance;
            let overdraft = Refusal::Overdraft { rollup, asset, balance, needed };
            cell.balance = balance.checked_sub(needed).ok_or(overdraft)?;
            cell.touched = true;
        }
        for lane in &batch.lanes {
            let asset = lane.asset;
            if lane.destination == RollupId::L1 {
                let cell = next.cell_mut(rollup, asset)?;
                let too_large = Refusal::AmountTooLarge { rollup, asset };
                cell.exited = cell.exited.checked_add(lane.atoms).ok_or(too_large)?;
            } else {
                self.key_of(lane.destination)?;
                let too_large = Refusal::AmountTooLarge { rollup: lane.destination, asset };
                next.cell_mut(lane.destination, asset)?.credit(lane.atoms).ok_or(too_large)?;
            }
        }
        let state = next.rollup_mut(rollup)?;
        state.next_height = batch.height.next().unwrap_or(batch.height);
        state.root = batch.new_root;
        state.exit_root = batch.exit_root;
        state.active = true;
        Ok(next)
    }

    /// A batch's place: in order, and continuing what is there.
    fn check_order(&self, batch: &BatchHead) -> Result<(), Refusal> {
        let rollup = batch.rollup;
        let state = self.rollup(rollup)?;
        if batch.height != state.next_height {
            let (expected, found) = (state.next_height, batch.height);
            return Err(Refusal::HeightOutOfOrder { rollup, expected, found });
        }
        if batch.previous_root != state.root {
            let (expected, found) = (state.root, batch.previous_root);
            return Err(Refusal::PreviousRootMismatch { rollup, expected, found });
        }
        Ok(())
    }

    fn rollup_mut(&mut self, rollup: RollupId) -> Result<&mut RollupState, Refusal> {
        rollup
            .slot()
            .and_then(|slot| self.rollups.get_mut(slot))
            .ok_or(Refusal::UnknownRollup { rollup })
    }

    fn cell_mut(&mut self, rollup: RollupId, asset: AssetId) -> Result<&mut Cell, Refusal> {
        let row = rollup.slot().and_then(|slot| self.cells.get_mut(slot));
        let row = row.ok_or(Refusal::UnknownRollup { rollup })?;
        asset.slot().and_then(|slot| row.get_mut(slot)).ok_or(Refusal::UnknownAsset { asset })
    }
}

/// Flags as bits of one word, the first lowest. At most 253 of them.
fn flags(flags: impl Iterator<Item = bool>) -> Word {
    let bits = flags.zip(0_u32..).filter(|(flag, _)| *flag);
    bits.fold(Word::ZERO, |word, (_, bit)| word.plus(Word::pack([(1, bit)])))
}

#[cfg(test)]
#[path = "state/tests.rs"]
mod tests;
