//! Epochs of exactly so many full steps, to be measured.

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, ensure};
use domain::limits::{BATCHES_PER_STEP, LANES_PER_BATCH};
use domain::{
    AssetId, Atoms, Batch, BatchParts, DomainId, DomainIdentity, EpochNumber, Exit, ExitRoot,
    L2Root, LiquidityState, Operation, RollupId, SigningKey, StepContext, Transfer, Word,
};
use folding::{Fold, Params, Plan};

/// An epoch that is planned.
#[derive(Debug)]
pub(super) struct BenchEpoch {
    identity: DomainIdentity,
    pub(super) plan: Plan,
}

/// A sealed epoch: its operations, nothing of it planned or folded.
#[derive(Debug)]
pub(super) struct SealedOperations {
    identity: DomainIdentity,
    operations: Vec<Operation>,
    steps: usize,
}

impl BenchEpoch {
    /// An epoch of that many steps with as many batches as fit, each with all its lanes.
    pub(super) fn of(params: &Params, steps: usize) -> anyhow::Result<Self> {
        Self::operations(params, steps)?.planned()
    }

    /// The operations of such an epoch, every batch signed.
    pub(super) fn operations(params: &Params, steps: usize) -> anyhow::Result<SealedOperations> {
        let identity = DomainIdentity {
            chain_id: 31337,
            settlement: Address::repeat_byte(0xbe),
            domain_id: DomainId::new(1),
            verification_key_id: B256::from(params.settlement_verifying_key().id().digest()),
        };
        let word = identity.word();
        let mut operations: Vec<Operation> = rollups()
            .map(|rollup| Operation::Register { rollup, key: key(rollup).public() })
            .collect();
        let cells = rollups().flat_map(|rollup| assets().map(move |asset| (rollup, asset)));
        for (rollup, asset) in cells {
            let atoms = Atoms::new(1 << 64)?;
            operations.push(Operation::Deposit { rollup, asset, atoms });
        }
        let mut state = LiquidityState::genesis();
        for operation in &operations {
            state = state.apply(operation, word)?;
        }
        let batches = steps.saturating_mul(BATCHES_PER_STEP);
        for rollup in (0..batches).zip(rollups().cycle()).map(|(_, rollup)| rollup) {
            let batch = Operation::Batch(Box::new(batch(&state, rollup, word)?));
            state = state.apply(&batch, word)?;
            operations.push(batch);
        }
        Ok(SealedOperations { identity, operations, steps })
    }

    /// Nothing folded yet.
    pub(super) fn start(&self, params: &Params) -> Fold {
        let opening = LiquidityState::genesis().digest();
        Fold::start(params, self.identity, EpochNumber::FIRST, opening)
    }
}

impl SealedOperations {
    /// Cuts the epoch into steps.
    pub(super) fn planned(self) -> anyhow::Result<BenchEpoch> {
        let Self { identity, operations, steps } = self;
        let context = StepContext { domain_word: identity.word(), epoch: EpochNumber::FIRST };
        let plan = folding::plan(&LiquidityState::genesis(), &operations, context)?;
        let found = plan.steps.len();
        ensure!(found == steps, "an epoch for {steps} steps makes {found}");
        Ok(BenchEpoch { identity, plan })
    }
}

/// A batch with every lane: of each asset to L1 and to each other rollup.
fn batch(state: &LiquidityState, rollup: RollupId, domain_word: Word) -> anyhow::Result<Batch> {
    let current = state.rollup(rollup)?;
    let recipient = Address::repeat_byte(0xaa);
    let atoms = Atoms::new(1_000_003)?;
    let others = rollups().filter(|other| *other != rollup);
    let transfers: Vec<Transfer> = others
        .flat_map(|to| assets().map(move |asset| Transfer { to, asset, atoms, recipient }))
        .collect();
    let exits: Vec<Exit> = assets().map(|asset| Exit { asset, atoms, recipient }).collect();
    let lanes = Batch::sum_lanes(rollup, &transfers, &exits)?;
    ensure!(lanes.len() == LANES_PER_BATCH, "a batch of {} lanes", lanes.len());
    let mark = u8::try_from(current.next_height.number() % 250)?.saturating_add(1);
    let mut parts = BatchParts {
        rollup,
        height: current.next_height,
        previous_root: current.root,
        new_root: L2Root::new(B256::repeat_byte(mark)),
        exit_root: ExitRoot::new(B256::repeat_byte(!mark)),
        transfers,
        exits,
        lanes,
        signature: key(rollup).sign(Word::ZERO),
    };
    parts.signature = key(rollup).sign(parts.digest(domain_word));
    Batch::new(parts).context("a batch to measure with")
}

/// As many as one step registers, so that an epoch has no step of registrations alone.
fn rollups() -> impl Iterator<Item = RollupId> + Clone {
    (1..=4).map(RollupId::new)
}

fn assets() -> impl Iterator<Item = AssetId> + Clone {
    (1..=2).map(AssetId::new)
}

fn key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup.number()).unwrap_or(u8::MAX); 32])
}
