//! What an epoch's proof states: the public values that L1 and every verifier read.

use std::collections::BTreeSet;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::{
    AssetId, Atoms, Cell, DomainIdentity, EpochNumber, ExitRoot, Height, L2Root, LiquidityState,
    RollupId, RollupState, Word, chain_hash,
    limits::{CELLS_EMITTED_PER_STEP, MAX_STEPS_PER_EPOCH, ROLLUPS_EMITTED_PER_STEP},
};

/// Words of one emitted cell.
const CELL_WORDS: usize = 2;
/// Words of one emitted rollup.
const ROLLUP_WORDS: usize = 7;
/// Where the number of used cell slots stands in the word that it shares with `pending`.
const CELL_COUNT_BIT: u32 = 64;
/// Where that of used rollup slots stands.
const ROLLUP_COUNT_BIT: u32 = 72;
/// Words that a step emits.
pub const EMITTED_WORDS: usize =
    CELLS_EMITTED_PER_STEP * CELL_WORDS + ROLLUPS_EMITTED_PER_STEP * ROLLUP_WORDS;
/// Words of a step's output: state digest, pending, emitted words.
pub const STEP_OUTPUT_WORDS: usize = 2 + EMITTED_WORDS;
/// Words of z, the step circuit's state: domain word, epoch, and the output with its emission
/// digest.
pub const Z_WORDS: usize = 3 + STEP_OUTPUT_WORDS;

/// What one step shows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct StepOutput {
    /// The state digest after the step.
    pub state_digest: Word,
    /// Touched cells and active rollups that are not emitted yet.
    pub pending: u64,
    /// The running digest of all emitted words.
    pub emission_digest: Word,
    /// [`EMITTED_WORDS`] words: cells, then rollups; an unused slot is zero.
    pub emitted: Vec<Word>,
}

/// The closing position of a touched cell.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CellClosing {
    /// The cell's rollup.
    pub rollup: RollupId,
    /// The cell's asset.
    pub asset: AssetId,
    /// Its closing balance.
    pub balance: Atoms,
    /// Deposited in the epoch.
    pub deposited: Atoms,
    /// Exited in the epoch.
    pub exited: Atoms,
}

/// The closing position of an active rollup.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RollupClosing {
    /// The rollup.
    pub rollup: RollupId,
    /// The height of its next batch.
    pub next_height: Height,
    /// The L2 root that its next batch starts from.
    pub root: L2Root,
    /// Its exit root.
    pub exit_root: ExitRoot,
    /// Its settlement key's coordinates, which L1 compares with its own.
    pub key: [Word; 2],
}

/// The statement of an epoch: from this state to that one, with these closings.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct EpochStatement {
    /// The domain.
    pub identity: DomainIdentity,
    /// The epoch.
    pub epoch: EpochNumber,
    /// The state digest that it starts from.
    pub opening_digest: Word,
    /// What each step shows, in order.
    pub outputs: Vec<StepOutput>,
}

/// Why a statement cannot be true, whatever its proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StatementError {
    /// No steps, or more than an epoch may have.
    #[error("a statement of {found} steps")]
    StepCount {
        /// How many.
        found: usize,
    },
    /// A step that does not emit exactly [`EMITTED_WORDS`] words.
    #[error("step {step} has {found} emitted words")]
    EmittedWords {
        /// Position of the step.
        step: usize,
        /// How many.
        found: usize,
    },
    /// The running digest is not that of the emitted words.
    #[error("step {step} does not carry the digest of the emitted words")]
    EmissionDigest {
        /// Position of the step.
        step: usize,
    },
    /// A word that packs no closing.
    #[error("slot {slot} of step {step} is no closing")]
    Malformed {
        /// Position of the step.
        step: usize,
        /// Position of the slot in the step.
        slot: usize,
    },
    /// COMPLETE: a cell or rollup is emitted twice.
    #[error("slot {slot} of step {step} is emitted a second time")]
    Repeated {
        /// Position of the step.
        step: usize,
        /// Position of the slot in the step.
        slot: usize,
    },
    /// COMPLETE: something touched is hidden.
    #[error("{pending} touched cells and rollups are not emitted")]
    Incomplete {
        /// How many.
        pending: u64,
    },
}

impl StepOutput {
    /// What a step shows after it has emitted these cells and rollups, as they were before.
    #[must_use]
    pub(crate) fn new(
        state: &LiquidityState,
        cells: &[(RollupId, AssetId, Cell)],
        rollups: &[(RollupId, RollupState)],
        previous_emission_digest: Word,
    ) -> Self {
        let mut emitted = Vec::with_capacity(EMITTED_WORDS);
        for (rollup, asset, cell) in cells {
            emitted.extend(cell_words(*rollup, *asset, cell));
        }
        emitted.resize(CELLS_EMITTED_PER_STEP * CELL_WORDS, Word::ZERO);
        for (rollup, state) in rollups {
            emitted.extend(rollup_words(*rollup, state));
        }
        emitted.resize(EMITTED_WORDS, Word::ZERO);
        Self {
            state_digest: state.digest(),
            pending: u64::try_from(state.pending()).unwrap_or(u64::MAX),
            emission_digest: emission_digest(previous_emission_digest, &emitted),
            emitted,
        }
    }

    /// The words that the settlement proof's public values have of it: state digest, pending, emitted
    /// words. L1 sees each step's emitted words themselves and needs no digest of them.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        let mut words = vec![self.state_digest, Word::from(self.pending)];
        words.extend(&self.emitted);
        words
    }

    /// The words that L1 gets: state digest, then `pending + cells·2^64 + rollups·2^72` with the
    /// numbers of slots up to the last used one, then the words of those slots. What is left out is
    /// zero, so that different outputs have different words; L1 takes only such without a gap, as
    /// [`EpochStatement::closings`] does.
    #[must_use]
    pub fn compact_words(&self) -> Vec<Word> {
        let (cells, rollups) = slots(&self.emitted);
        let (cells, rollups) = (used::<CELL_WORDS>(cells), used::<ROLLUP_WORDS>(rollups));
        let number = |count: usize| u128::try_from(count).unwrap_or(u128::MAX);
        let counts = Word::pack([
            (u128::from(self.pending), 0),
            (number(cells.chunks(CELL_WORDS).len()), CELL_COUNT_BIT),
            (number(rollups.chunks(ROLLUP_WORDS).len()), ROLLUP_COUNT_BIT),
        ]);
        [&[self.state_digest, counts], cells, rollups].concat()
    }

    /// The circuit's z after this step.
    #[must_use]
    pub fn z(&self, domain_word: Word, epoch: EpochNumber) -> Vec<Word> {
        let mut z = vec![domain_word, Word::from(epoch.number())];
        z.extend([self.state_digest, Word::from(self.pending), self.emission_digest]);
        z.extend(&self.emitted);
        z
    }
}

impl EpochStatement {
    /// The circuit's z before the first step.
    #[must_use]
    pub fn z0(&self) -> Vec<Word> {
        let epoch = Word::from(self.epoch.number());
        let mut z = vec![self.identity.word(), epoch, self.opening_digest];
        z.resize(Z_WORDS, Word::ZERO);
        z
    }

    /// The circuit's z after the last step; `None` without steps.
    #[must_use]
    pub fn last_z(&self) -> Option<Vec<Word>> {
        self.outputs.last().map(|output| output.z(self.identity.word(), self.epoch))
    }

    /// The state digest that it leads to; the opening one without steps.
    #[must_use]
    pub fn closing_digest(&self) -> Word {
        self.outputs.last().map_or(self.opening_digest, |output| output.state_digest)
    }

    /// Reads the closings and checks everything that needs no proof: the shape, the running digest
    /// of the emitted words, each closing once, nothing pending at the end.
    ///
    /// # Errors
    /// The first [`StatementError`].
    pub fn closings(&self) -> Result<(Vec<CellClosing>, Vec<RollupClosing>), StatementError> {
        let found = self.outputs.len();
        if found == 0 || found > MAX_STEPS_PER_EPOCH {
            return Err(StatementError::StepCount { found });
        }
        let mut reader = ClosingReader::default();
        let mut digest = Word::ZERO;
        for (step, output) in self.outputs.iter().enumerate() {
            if output.emitted.len() != EMITTED_WORDS {
                return Err(StatementError::EmittedWords { step, found: output.emitted.len() });
            }
            digest = emission_digest(digest, &output.emitted);
            if digest != output.emission_digest {
                return Err(StatementError::EmissionDigest { step });
            }
            reader.read(step, &output.emitted)?;
        }
        match self.outputs.last().map_or(0, |output| output.pending) {
            0 => Ok((reader.cells, reader.rollups)),
            pending => Err(StatementError::Incomplete { pending }),
        }
    }
}

#[derive(Default)]
struct ClosingReader {
    cells: Vec<CellClosing>,
    rollups: Vec<RollupClosing>,
    seen: BTreeSet<(RollupId, Option<AssetId>)>,
}

impl ClosingReader {
    fn read(&mut self, step: usize, emitted: &[Word]) -> Result<(), StatementError> {
        let (cells, rollups) = slots(emitted);
        let (cells, rollups) = (used::<CELL_WORDS>(cells), used::<ROLLUP_WORDS>(rollups));
        let cells = (0..).zip(cells.chunks(CELL_WORDS));
        let rollups = (CELLS_EMITTED_PER_STEP..).zip(rollups.chunks(ROLLUP_WORDS));
        for (slot, words) in cells.chain(rollups) {
            let malformed = StatementError::Malformed { step, slot };
            let key = if let Some(closing) = read_cell(words) {
                self.cells.push(closing);
                (closing.rollup, Some(closing.asset))
            } else {
                let closing = read_rollup(words).ok_or(malformed)?;
                self.rollups.push(closing);
                (closing.rollup, None)
            };
            if !self.seen.insert(key) {
                return Err(StatementError::Repeated { step, slot });
            }
        }
        Ok(())
    }
}

/// The emitted words of cells and those of rollups.
fn slots(emitted: &[Word]) -> (&[Word], &[Word]) {
    let cells = CELLS_EMITTED_PER_STEP * CELL_WORDS;
    emitted.split_at_checked(cells).unwrap_or((emitted, &[]))
}

/// The slots of this many words up to the last one that is not all zero.
fn used<const WORDS: usize>(slots: &[Word]) -> &[Word] {
    let last = slots.iter().rposition(|word| *word != Word::ZERO);
    let words = last.map_or(0, |last| last.saturating_add(1).next_multiple_of(WORDS));
    slots.get(..words).unwrap_or(slots)
}

fn emission_digest(previous: Word, emitted: &[Word]) -> Word {
    let words: Vec<Word> = std::iter::once(previous).chain(emitted.iter().copied()).collect();
    chain_hash("netfold.emission.v1", &words)
}

/// `[rollup + asset·2^16 + balance·2^32 + deposited·2^128, exited]`.
fn cell_words(rollup: RollupId, asset: AssetId, cell: &Cell) -> [Word; CELL_WORDS] {
    let first = Word::pack([
        (u128::from(rollup.number()), 0),
        (u128::from(asset.number()), 16),
        (cell.balance.number(), 32),
        (cell.deposited.number(), 128),
    ]);
    [first, Word::from(cell.exited.number())]
}

/// `[rollup + next height·2^16, L2 root high, low, exit root high, low, key x, key y]`.
fn rollup_words(rollup: RollupId, state: &RollupState) -> [Word; ROLLUP_WORDS] {
    let first = Word::pack([
        (u128::from(rollup.number()), 0),
        (u128::from(state.next_height.number()), 16),
    ]);
    let [root_high, root_low] = state.root.words();
    let [exit_high, exit_low] = state.exit_root.words();
    let [x, y] = state.key.map_or([Word::ZERO; 2], |key| [key.x(), key.y()]);
    [first, root_high, root_low, exit_high, exit_low, x, y]
}

fn read_cell(words: &[Word]) -> Option<CellClosing> {
    let [first, exited] = words else { return None };
    let mut packed = Packed(first.to_uint());
    let closing = CellClosing {
        rollup: RollupId::new(u16::try_from(packed.take(16)?).ok()?),
        asset: AssetId::new(u16::try_from(packed.take(16)?).ok()?),
        balance: Atoms::new(packed.take(96)?).ok()?,
        deposited: Atoms::new(packed.take(96)?).ok()?,
        exited: Atoms::new(u128::try_from(exited.to_uint()).ok()?).ok()?,
    };
    closing.rollup.slot()?;
    closing.asset.slot()?;
    packed.0.is_zero().then_some(closing)
}

fn read_rollup(words: &[Word]) -> Option<RollupClosing> {
    let [first, root_high, root_low, exit_high, exit_low, x, y] = words else { return None };
    let mut packed = Packed(first.to_uint());
    let closing = RollupClosing {
        rollup: RollupId::new(u16::try_from(packed.take(16)?).ok()?),
        next_height: Height::new(u64::try_from(packed.take(64)?).ok()?),
        root: L2Root::new(Word::join(*root_high, *root_low)?),
        exit_root: ExitRoot::new(Word::join(*exit_high, *exit_low)?),
        key: [*x, *y],
    };
    closing.rollup.slot()?;
    packed.0.is_zero().then_some(closing)
}

/// Fields packed into a word, read from the lowest bits up.
struct Packed(U256);

impl Packed {
    fn take(&mut self, bits: usize) -> Option<u128> {
        let mask = U256::MAX.wrapping_shr(256_usize.checked_sub(bits)?);
        let field = self.0 & mask;
        self.0 = self.0.wrapping_shr(bits);
        u128::try_from(field).ok()
    }
}
