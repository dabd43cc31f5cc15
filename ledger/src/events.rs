//! Everything that happened, in one order.
//!
//! **Invariant:** events are numbered in the order of their commits, without gaps, so that a reader
//! that asks for what comes after the last number it saw misses nothing. A notice only wakes; it
//! carries nothing and may be lost.

use alloy_primitives::B256;
use domain::{EpochNumber, Height, RollupId};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key, lookup};
use crate::connection::Tx;
use crate::{BlockNumber, Error, EventNumber, Ledger, PageLimit};

/// One thing that happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event {
    /// Its place in the order.
    pub number: EventNumber,
    /// The epoch that it concerns.
    pub epoch: EpochNumber,
    /// When it was recorded.
    pub at: OffsetDateTime,
    /// What it was.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// An asset was registered.
    AssetRegistered {
        /// The block that booked it.
        block: BlockNumber,
    },
    /// A rollup was registered.
    RollupRegistered {
        /// The block that booked it.
        block: BlockNumber,
        /// Which.
        rollup: RollupId,
    },
    /// A deposit was credited.
    Deposited {
        /// The block that booked it.
        block: BlockNumber,
    },
    /// A batch was posted.
    BatchPosted {
        /// The block that booked it.
        block: BlockNumber,
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
    },
    /// A batch was evicted: reversed, since it could not be proven or stand without one that was.
    BatchEvicted {
        /// The block that reverses it.
        block: BlockNumber,
        /// Whose.
        rollup: RollupId,
        /// Its height.
        height: Height,
    },
    /// A claim was paid.
    ClaimPaid {
        /// The block that booked it.
        block: BlockNumber,
    },
    /// An amount is held until what it waits for is final.
    Held {
        /// The block that holds it, by which the hold is named.
        block: BlockNumber,
    },
    /// A hold is released: what it waited for does not come.
    Released {
        /// The block that releases it.
        block: BlockNumber,
    },
    /// The domain was adopted.
    DomainAdopted,
    /// An epoch opened.
    EpochOpened,
    /// Somebody asked for the epoch to be sealed.
    SealRequested,
    /// An epoch was sealed.
    EpochSealed,
    /// A step was folded.
    StepFolded {
        /// Its number, from 1.
        step: u32,
    },
    /// An epoch's aggregated proof was recorded.
    EpochProven,
    /// The intent to settle an epoch was written.
    EpochSubmitted {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// An attempt to settle is over.
    SubmissionSuperseded {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// L1 settled an epoch.
    EpochSettled {
        /// The settlement, from 1.
        sequence: u32,
    },
    /// A reorg undid a settlement.
    EpochReorged {
        /// The settlement, from 1.
        sequence: u32,
    },
    /// A settlement is final.
    EpochFinal,
    /// The watcher booked the settlement's log.
    SettlementLogged,
    /// A rollup signed two batches for one height.
    Equivocation {
        /// Whose.
        rollup: RollupId,
        /// The height.
        height: Height,
    },
    /// An epoch's settlement proof was recorded: it can be submitted.
    SettlementProven,
    /// The books of an epoch were closed under one digest, as it was sealed.
    BooksClosed,
}

/// Wakes a reader when there may be new events.
#[derive(Debug)]
pub struct Listener(PgListener);

/// The end of the event log: its last event, and the hash that covers all before it, so that two logs which part
/// and reach the same number are told from each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventTip {
    /// The last event's number.
    pub number: EventNumber,
    /// Its hash; zero before the first.
    pub hash: B256,
}

/// Tells the end of the event log, over and over, on a connection of its own that it makes when it is first asked, and anew
/// after one that failed.
#[derive(Debug)]
pub struct EventHead {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

/// The columns that make an event.
pub(crate) struct EventRow {
    pub(crate) kind: i16,
    pub(crate) block: Option<i64>,
    pub(crate) ordinal: Option<i32>,
    pub(crate) rollup: Option<i32>,
    pub(crate) height: Option<i64>,
}

const TABLE: Columns = Columns("event");

impl Ledger {
    /// The events after a number, in order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn events_after(
        &self,
        cursor: EventNumber,
        limit: PageLimit,
    ) -> Result<Vec<Event>, Error> {
        let rows = sqlx::query!(
            r#"select event_number, event_kind, e.epoch_number, e.block_number, ordinal,
                coalesce(e.rollup_id, b.rollup_id, r.rollup_id, x.rollup_id) as rollup_id,
                coalesce(e.height, b.height, x.height) as height, recorded_at
            from event e
            left join batch b on b.block_number = e.block_number and e.event_kind = 4
            left join rollup r on r.block_number = e.block_number and e.event_kind = 2
            left join batch_eviction x on x.block_number = e.block_number and e.event_kind = 6
            where event_number > $1 order by event_number limit $2"#,
            lookup(cursor.number()),
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                let columns = EventRow {
                    kind: row.event_kind,
                    block: row.block_number,
                    ordinal: row.ordinal,
                    rollup: row.rollup_id,
                    height: row.height,
                };
                Ok(Event {
                    number: EventNumber::new(TABLE.number(row.event_number)?),
                    epoch: TABLE.epoch(row.epoch_number)?,
                    at: row.recorded_at,
                    kind: columns.kind()?,
                })
            })
            .collect()
    }

    /// The number of the last event.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn last_event(&self) -> Result<EventNumber, Error> {
        let number =
            sqlx::query_scalar!(r#"select coalesce(max(event_number), 0) as "number!" from event"#)
                .fetch_one(self.pool())
                .await?;
        TABLE.number(number).map(EventNumber::new)
    }

    /// For whoever asks for the end of the log again and again.
    #[must_use]
    pub fn event_head(&self) -> EventHead {
        let options = self.pool().connect_options().as_ref().clone();
        // Its one statement is planned once, however small the log is then.
        let options =
            options.options([("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off")]);
        EventHead { options, connection: None }
    }

    /// Listens for new events. Read what is there after calling this, then wait.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn listen(&self) -> Result<Listener, Error> {
        let mut listener = PgListener::connect_with(self.pool()).await?;
        listener.listen(CHANNEL).await?;
        Ok(Listener(listener))
    }
}

impl EventHead {
    /// The end of the event log.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn tip(&mut self) -> Result<EventTip, Error> {
        // Taken out while it is asked: a question that failed or was given up leaves none behind.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => PgConnection::connect_with(&self.options).await.map_err(Error::connecting)?,
        };
        let row = sqlx::query!(
            "select event_number, event_hash from event order by event_number desc limit 1"
        )
        .fetch_optional(&mut connection)
        .await?;
        self.connection = Some(connection);
        Ok(match row {
            Some(row) => EventTip {
                number: EventNumber::new(TABLE.number(row.event_number)?),
                hash: TABLE.b256(&row.event_hash)?,
            },
            None => EventTip { number: EventNumber::START, hash: B256::ZERO },
        })
    }
}

/// All events of an epoch but its postings, in order.
pub(crate) async fn of_epoch(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Vec<Event>, Error> {
    let rows = sqlx::query!(
        "select event_number, event_kind, block_number, ordinal, rollup_id, height, recorded_at
        from event where epoch_number = $1 and event_kind >= 10 order by event_number",
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let columns = EventRow {
                kind: row.event_kind,
                block: row.block_number,
                ordinal: row.ordinal,
                rollup: row.rollup_id,
                height: row.height,
            };
            let number = EventNumber::new(TABLE.number(row.event_number)?);
            Ok(Event { number, epoch, at: row.recorded_at, kind: columns.kind()? })
        })
        .collect()
}

impl Listener {
    /// Returns once something may have been written: after a commit with events, or after the
    /// connection was lost and made again.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when it cannot be made again.
    pub async fn changed(&mut self) -> Result<(), Error> {
        self.0.try_recv().await?;
        Ok(())
    }
}

impl EventRow {
    pub(crate) fn kind(&self) -> Result<EventKind, Error> {
        let block = || TABLE.block(self.block.ok_or_else(|| TABLE.corrupt())?);
        let ordinal = || TABLE.small(self.ordinal.ok_or_else(|| TABLE.corrupt())?);
        let rollup = || TABLE.rollup(self.rollup.ok_or_else(|| TABLE.corrupt())?);
        let height = || TABLE.height(self.height.ok_or_else(|| TABLE.corrupt())?);
        Ok(match self.kind {
            1 => EventKind::AssetRegistered { block: block()? },
            2 => EventKind::RollupRegistered { block: block()?, rollup: rollup()? },
            3 => EventKind::Deposited { block: block()? },
            4 => EventKind::BatchPosted { block: block()?, rollup: rollup()?, height: height()? },
            5 => EventKind::ClaimPaid { block: block()? },
            6 => EventKind::BatchEvicted { block: block()?, rollup: rollup()?, height: height()? },
            7 => EventKind::Held { block: block()? },
            8 => EventKind::Released { block: block()? },
            10 => EventKind::DomainAdopted,
            11 => EventKind::EpochOpened,
            12 => EventKind::SealRequested,
            13 => EventKind::EpochSealed,
            14 => EventKind::StepFolded { step: ordinal()? },
            15 => EventKind::EpochProven,
            16 => EventKind::EpochSubmitted { attempt: ordinal()? },
            17 => EventKind::SubmissionSuperseded { attempt: ordinal()? },
            18 => EventKind::EpochSettled { sequence: ordinal()? },
            19 => EventKind::EpochReorged { sequence: ordinal()? },
            20 => EventKind::EpochFinal,
            21 => EventKind::SettlementLogged,
            22 => EventKind::Equivocation { rollup: rollup()?, height: height()? },
            23 => EventKind::SettlementProven,
            24 => EventKind::BooksClosed,
            _ => return Err(TABLE.corrupt()),
        })
    }
}

const CHANNEL: &str = "netfold_event";
