//! Epochs as readers see them.

use domain::{CellClosing, EpochNumber, LiquidityState, RollupId, Word};
use time::OffsetDateTime;

use super::{ProofSummary, Sealed, Settlement, StepRecord, fold, rows, seal};
use crate::column::{Columns, epoch_key, rollup_key};
use crate::connection::Tx;
use crate::{
    Error, EventKind, Flow, FlowFilter, L1Settlement, Ledger, PageLimit, events, flows, l1_logs,
    state,
};

/// How far an epoch is: the last row that exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EpochStatus {
    /// It takes postings; steps may be folded ahead. Left by sealing.
    Open,
    /// Order and cut-off are fixed, no step is folded. Left by the first folded step.
    Sealed,
    /// Some of its steps are folded. Left by the settlement proof, not by the aggregated one.
    Proving {
        /// How many.
        steps: u32,
    },
    /// It has a settlement proof, and no attempt to settle it is live. Entered again when an
    /// attempt is over, or when a reorg undid a settlement by somebody else.
    Proven,
    /// An attempt to settle it is live. Entered again when a reorg undid its settlement.
    Submitted {
        /// Which, from 1.
        attempt: u32,
    },
    /// L1 settled it. Left by finality, or by a reorg.
    Settled,
    /// Its settlement is deep enough. Never left.
    Final,
}

/// An epoch and everything that is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Epoch {
    /// Its number.
    pub epoch: EpochNumber,
    /// How far it is.
    pub status: EpochStatus,
    /// Since when it was open.
    pub opened_at: OffsetDateTime,
    /// The state digest that it opened with.
    pub opening_digest: Word,
    /// How it was sealed.
    pub sealed: Option<Sealed>,
    /// Folded steps.
    pub steps: u32,
    /// The proof that L1 checks.
    pub settlement_proof: Option<ProofSummary>,
    /// Its aggregated proof, which may come after its settlement.
    pub proof: Option<ProofSummary>,
    /// Attempts to settle it.
    pub submissions: u32,
    /// The settlement that stands.
    pub settlement: Option<Settlement>,
    /// When it became final.
    pub final_at: Option<OffsetDateTime>,
    /// Its batches, without evicted ones.
    pub batches: u64,
    /// Its operations.
    pub operations: u64,
    /// The transfers of its batches and deposits.
    pub transfers: u64,
}

/// An epoch with all that happened in it, of one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EpochLife {
    /// The epoch.
    pub epoch: Epoch,
    /// What each of its steps shows, in order.
    pub steps: Vec<StepRecord>,
    /// What happened to it, its postings aside, in order.
    pub timeline: Vec<TimelineEntry>,
    /// The positions of the cells that it touched, as [`Ledger::positions`] tells them.
    pub positions: Vec<CellClosing>,
    /// What moved in it so far, while it is open: of a sealed epoch that does not change, and is asked for by
    /// [`Ledger::flows`].
    pub flows: Option<Vec<Flow>>,
    /// Its settlement as L1 logged it.
    pub logged: Option<L1Settlement>,
}

/// One moment of an epoch's life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimelineEntry {
    /// When.
    pub at: OffsetDateTime,
    /// What.
    pub event: EventKind,
}

const TABLE: Columns = Columns("epoch");

impl Ledger {
    /// An epoch.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn epoch(&self, epoch: EpochNumber) -> Result<Option<Epoch>, Error> {
        Ok(self.epochs_among(&[epoch]).await?.pop())
    }

    /// An epoch with all that happened in it, of one moment.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn epoch_life(&self, epoch: EpochNumber) -> Result<Option<EpochLife>, Error> {
        let mut tx = self.key_snapshot().await?;
        let Some(found) = rows::read(&mut tx, &[epoch_key(epoch)]).await?.pop() else {
            return Ok(None);
        };
        let only = Some(epoch);
        let filter = FlowFilter { from_epoch: only, to_epoch: only, asset: None };
        let flows = match found.sealed {
            Some(_) => None,
            None => Some(flows::read(&mut tx, &filter).await?),
        };
        Ok(Some(EpochLife {
            epoch: found,
            flows,
            steps: fold::steps(&mut tx, epoch).await?,
            timeline: timeline(&mut tx, epoch).await?,
            positions: positions(&mut tx, epoch).await?,
            logged: l1_logs::settlement(&mut tx, epoch).await?,
        }))
    }

    /// Those of some epochs that there are, newest first. However many are asked for, it takes as many
    /// statements.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn epochs_among(&self, epochs: &[EpochNumber]) -> Result<Vec<Epoch>, Error> {
        let numbers: Vec<i64> = epochs.iter().copied().map(epoch_key).collect();
        let mut tx = self.key_snapshot().await?;
        rows::read(&mut tx, &numbers).await
    }

    /// Epochs, newest first, from before one on.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn epochs(
        &self,
        before: Option<EpochNumber>,
        limit: PageLimit,
    ) -> Result<Vec<Epoch>, Error> {
        let mut tx = self.snapshot().await?;
        let numbers = sqlx::query_scalar!(
            "select epoch_number from epoch where $1::bigint is null or epoch_number < $1
            order by epoch_number desc limit $2",
            before.map(epoch_key),
            limit.rows()
        )
        .fetch_all(&mut *tx)
        .await?;
        rows::read(&mut tx, &numbers).await
    }

    /// Sealed epochs that are not final, in order: what there is to do.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn unfinished_epochs(&self) -> Result<Vec<EpochNumber>, Error> {
        let numbers = sqlx::query_scalar!(
            "select epoch_number from epoch_seal s
            where not exists (select from epoch_final f where f.epoch_number = s.epoch_number)
            order by epoch_number"
        )
        .fetch_all(self.pool())
        .await?;
        numbers.into_iter().map(|number| TABLE.epoch(number)).collect()
    }

    /// The positions of the cells that an epoch touched: closing ones of a sealed epoch, those of
    /// now of the open one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn positions(&self, epoch: EpochNumber) -> Result<Vec<CellClosing>, Error> {
        positions(&mut self.snapshot().await?, epoch).await
    }

    /// The cells of a rollup as the last epochs were sealed, in order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn closings(
        &self,
        rollup: RollupId,
        epochs: PageLimit,
    ) -> Result<Vec<(EpochNumber, CellClosing)>, Error> {
        let columns = Columns("epoch_cell");
        let mut tx = self.snapshot().await?;
        let rows = sqlx::query!(
            "select epoch_number, asset_id, balance, deposited, exited from epoch_cell
            where rollup_id = $1
                and epoch_number > (select max(epoch_number) from epoch_seal) - $2
            order by epoch_number, asset_id",
            rollup_key(rollup),
            epochs.rows()
        )
        .fetch_all(&mut *tx)
        .await?;
        rows.into_iter()
            .map(|row| {
                let closing = CellClosing {
                    rollup,
                    asset: columns.asset(row.asset_id)?,
                    balance: columns.atoms(row.balance)?,
                    deposited: columns.atoms(row.deposited)?,
                    exited: columns.atoms(row.exited)?,
                };
                Ok((columns.epoch(row.epoch_number)?, closing))
            })
            .collect()
    }
}

async fn timeline(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Vec<TimelineEntry>, Error> {
    let events = events::of_epoch(tx, epoch).await?;
    Ok(events.into_iter().map(|one| TimelineEntry { at: one.at, event: one.kind }).collect())
}

async fn positions(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Vec<CellClosing>, Error> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from epoch where epoch_number = $1) as "exists!""#,
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    if !exists {
        return Ok(Vec::new());
    }
    let state = match seal::read(tx, epoch).await? {
        Some(_) => state::at_seal(tx, epoch).await?,
        None => state::at_head(tx, epoch).await?,
    };
    Ok(touched(&state))
}

fn touched(state: &LiquidityState) -> Vec<CellClosing> {
    state
        .cells()
        .filter(|(_, _, cell)| cell.touched)
        .map(|(rollup, asset, cell)| CellClosing {
            rollup,
            asset,
            balance: cell.balance,
            deposited: cell.deposited,
            exited: cell.exited,
        })
        .collect()
}
