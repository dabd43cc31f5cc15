//! Who works on the books, and how long what they do takes.
//!
//! **Invariant:** a turn is written by whoever holds its lock, and is now only while the same backend holds
//! it: a process that is gone is never told of as one that works. How long work took is its own row beside
//! what came of it, and no rule rests on it.

use std::time::Duration;

use domain::EpochNumber;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key};
use crate::engine_lock::{BOOKS, ENGINE, PROVER};
use crate::{EngineLock, Error, Ledger, PageLimit};

/// A turn's number, from 1, in the order in which they began.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TurnNumber(i64);

/// What a turn is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TurnKind {
    /// Watching L1, sealing, settling.
    Engine,
    /// Folding and proving.
    Prover,
}

/// A turn that goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Turn {
    /// Its number.
    pub number: TurnNumber,
    /// What it is for.
    pub kind: TurnKind,
    /// The process.
    pub name: String,
    /// Since when.
    pub began_at: OffsetDateTime,
}

/// A piece of an epoch's folding and proving.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece {
    /// A step, from 1.
    Step(u32),
    /// The settlement proof.
    SettlementProof,
    /// The aggregated proof.
    AggregatedProof,
}

/// A piece that is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Work {
    /// The epoch.
    pub epoch: EpochNumber,
    /// What.
    pub piece: Piece,
    /// In which turn.
    pub turn: TurnNumber,
    /// How long it took.
    pub took: Duration,
}

/// A recorded piece.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WorkRecord {
    /// The epoch.
    pub epoch: EpochNumber,
    /// What.
    pub piece: Piece,
    /// By which process.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// When it was done.
    pub recorded_at: OffsetDateTime,
}

const TURN: Columns = Columns("turn");
const WORK: Columns = Columns("epoch_work");
/// The bound of the schema.
const LONGEST_MS: i64 = 604_800_000;

impl TurnNumber {
    pub(crate) fn key(self) -> i64 {
        self.0
    }
}

pub(crate) fn turn_number(key: i64) -> TurnNumber {
    TurnNumber(key)
}

/// As it is recorded: whatever took longer than a week is told as a week.
pub(crate) fn milliseconds(took: Duration) -> i64 {
    i64::try_from(took.as_millis()).map_or(LONGEST_MS, |took| took.min(LONGEST_MS))
}

impl TurnKind {
    fn from_code(code: i16) -> Result<Self, Error> {
        match i32::from(code) {
            ENGINE => Ok(Self::Engine),
            PROVER => Ok(Self::Prover),
            _ => Err(TURN.corrupt()),
        }
    }
}

impl Piece {
    pub(crate) fn codes(self) -> Result<(i16, i32), Error> {
        let step = |step| i32::try_from(step).map_err(|_| Error::OutOfBound { what: "step" });
        match self {
            Self::Step(number) => Ok((1, step(number)?)),
            Self::SettlementProof => Ok((2, 0)),
            Self::AggregatedProof => Ok((3, 0)),
        }
    }

    fn from_codes(kind: i16, step: i32) -> Result<Self, Error> {
        match kind {
            1 => Ok(Self::Step(WORK.small(step)?)),
            2 => Ok(Self::SettlementProof),
            3 => Ok(Self::AggregatedProof),
            _ => Err(WORK.corrupt()),
        }
    }
}

impl Ledger {
    /// Records that a process has the lock from now on. Of its name the first 100 characters are kept.
    ///
    /// # Errors
    /// When Postgres fails, or the lock is lost.
    pub async fn begin_turn(&self, lock: &mut EngineLock, name: &str) -> Result<TurnNumber, Error> {
        let (kind, backend) = lock.holder().await?;
        let name: String = name.chars().take(100).collect();
        let mut tx = self.write().await?;
        let number = sqlx::query_scalar!(
            r#"insert into turn (turn_number, turn_kind, name, backend)
            select coalesce(max(turn_number), 0) + 1, $1::integer::smallint, $2, $3 from turn
            returning turn_number"#,
            kind,
            name,
            backend
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(TurnNumber(number))
    }

    /// The turns that go on, the engine's first: at most one of each kind. Not known to a replica.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn turns(&self) -> Result<Vec<Turn>, Error> {
        let rows = sqlx::query!(
            r#"select t.turn_number, t.turn_kind, t.name, t.began_at
            from unnest($2::integer[]) kind (number)
            join lateral (
                select * from turn where turn_kind = kind.number::smallint
                order by turn_number desc limit 1
            ) t on true
            where exists (
                select from pg_locks l where l.locktype = 'advisory' and l.granted
                    and l.objsubid = 2 and l.pid = t.backend
                    and l.classid = $1::integer::bigint::oid
                    and l.objid = kind.number::bigint::oid
                    and l.database = (select oid from pg_database where datname = current_database())
            )
            order by t.turn_kind"#,
            BOOKS,
            &[ENGINE, PROVER]
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Turn {
                    number: TurnNumber(row.turn_number),
                    kind: TurnKind::from_code(row.turn_kind)?,
                    name: row.name,
                    began_at: row.began_at,
                })
            })
            .collect()
    }

    /// Records how long a piece took. Of a piece that is recorded already, the first stands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn record_work(&self, work: &Work) -> Result<(), Error> {
        let (kind, step) = work.piece.codes()?;
        sqlx::query!(
            "insert into epoch_work (epoch_number, work_kind, step_number, turn_number, took_ms)
            values ($1, $2, $3, $4, $5)
            on conflict (epoch_number, work_kind, step_number) do nothing",
            epoch_key(work.epoch),
            kind,
            step,
            work.turn.0,
            milliseconds(work.took)
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// What was done last, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn latest_work(&self, limit: PageLimit) -> Result<Vec<WorkRecord>, Error> {
        let rows = sqlx::query!(
            "select w.epoch_number, w.work_kind, w.step_number, w.took_ms, w.recorded_at, t.name
            from epoch_work w join turn t using (turn_number)
            order by w.recorded_at desc, w.epoch_number desc, w.step_number desc limit $1",
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(WorkRecord {
                    epoch: WORK.epoch(row.epoch_number)?,
                    piece: Piece::from_codes(row.work_kind, row.step_number)?,
                    name: row.name,
                    took: Duration::from_millis(WORK.number(row.took_ms)?),
                    recorded_at: row.recorded_at,
                })
            })
            .collect()
    }
}
