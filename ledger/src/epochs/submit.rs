//! Submissions: the intent is written before anything is sent.
//!
//! **Invariant (SINGLE_JOB):** at most one attempt of an epoch is live. What became of it may be
//! unknown, and unknown is not failed: another attempt can only follow a row that says why this one
//! is over, which the schema checks.

use alloy_primitives::{Address, B256};
use domain::EpochNumber;
use time::OffsetDateTime;

use crate::column::{Columns, bigint, epoch_key};
use crate::connection::Tx;
use crate::{Error, Ledger};

/// An l1_tx about to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewSubmission {
    /// Who signed it.
    pub sender: Address,
    /// The sender's nonce that it uses up.
    pub nonce: u64,
    /// Its hash.
    pub tx_hash: B256,
    /// Itself, signed, so that it can be sent again as it is.
    pub raw_tx: Vec<u8>,
}

/// An attempt to settle an epoch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Submission {
    /// The epoch.
    pub epoch: EpochNumber,
    /// Its number among the epoch's attempts, from 1.
    pub attempt: u32,
    /// Who signed it.
    pub sender: Address,
    /// The sender's nonce that it uses up.
    pub nonce: u64,
    /// Its hash.
    pub tx_hash: B256,
    /// Itself, signed.
    pub raw_tx: Vec<u8>,
    /// When the intent was written.
    pub recorded_at: OffsetDateTime,
    /// Why it is over, if it is.
    pub superseded: Option<SupersedeReason>,
}

/// Why an attempt is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SupersedeReason {
    /// Another one with the same nonce pays more: one of the two lands at most.
    FeeRaised,
    /// It was included and reverted.
    Reverted,
    /// Its nonce was used up by something else.
    NonceSpent,
    /// Somebody else settled the epoch.
    SettledOtherwise,
}

const TABLE: Columns = Columns("epoch_submission");

impl SupersedeReason {
    fn code(self) -> i16 {
        match self {
            Self::FeeRaised => 1,
            Self::Reverted => 2,
            Self::NonceSpent => 3,
            Self::SettledOtherwise => 4,
        }
    }

    pub(crate) fn from_code(code: i16) -> Result<Self, Error> {
        match code {
            1 => Ok(Self::FeeRaised),
            2 => Ok(Self::Reverted),
            3 => Ok(Self::NonceSpent),
            4 => Ok(Self::SettledOtherwise),
            _ => Err(TABLE.corrupt()),
        }
    }
}

impl Ledger {
    /// Writes the intent to settle an epoch by this l1_tx. The same l1_tx again is the recorded one.
    ///
    /// # Errors
    /// [`Error::NotProven`], [`Error::SubmissionLive`] while another attempt is live.
    pub async fn record_submission(
        &self,
        epoch: EpochNumber,
        new: &NewSubmission,
    ) -> Result<Submission, Error> {
        let mut tx = self.write().await?;
        let attempts = read(&mut tx, epoch).await?;
        if let Some(recorded) = attempts.iter().find(|one| one.tx_hash == new.tx_hash) {
            return Ok(recorded.clone());
        }
        if let Some(live) = attempts.last().filter(|last| last.superseded.is_none()) {
            return Err(Error::SubmissionLive { epoch, attempt: live.attempt });
        }
        let attempt = attempts.last().map_or(1, |last| last.attempt.saturating_add(1));
        let row = sqlx::query!(
            "insert into epoch_submission (epoch_number, attempt, sender, nonce, tx_hash, raw_tx)
            values ($1, $2, $3::bytea, $4, $5::bytea, $6) returning recorded_at",
            epoch_key(epoch),
            number(attempt)?,
            new.sender.as_slice(),
            bigint("nonce", new.nonce)?,
            new.tx_hash.as_slice(),
            new.raw_tx
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            error.on_constraint("epoch_submission_of_settlement_proof", || Error::NotProven {
                epoch,
            })
        })?;
        tx.commit().await?;
        let NewSubmission { sender, nonce, tx_hash, raw_tx } = new.clone();
        let recorded_at = row.recorded_at;
        let superseded = None;
        Ok(Submission { epoch, attempt, sender, nonce, tx_hash, raw_tx, recorded_at, superseded })
    }

    /// Says why an attempt is over, so that another one may follow. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`Error::UnknownSubmission`].
    pub async fn supersede_submission(
        &self,
        epoch: EpochNumber,
        attempt: u32,
        reason: SupersedeReason,
    ) -> Result<(), Error> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "insert into epoch_submission_end (epoch_number, attempt, reason) values ($1, $2, $3)
            on conflict (epoch_number, attempt) do nothing",
            epoch_key(epoch),
            number(attempt)?,
            reason.code()
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from)
        .map_err(|error| {
            let unknown = || Error::UnknownSubmission { epoch, attempt };
            error.on_constraint("epoch_submission_end_of_submission", unknown)
        })?;
        tx.commit().await?;
        Ok(())
    }

    /// The attempt whose outcome is still open, if there is one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn live_submission(&self, epoch: EpochNumber) -> Result<Option<Submission>, Error> {
        let last = self.submissions(epoch).await?.pop();
        Ok(last.filter(|last| last.superseded.is_none()))
    }

    /// All attempts of an epoch, in order. A superseded one may still be the one that lands.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn submissions(&self, epoch: EpochNumber) -> Result<Vec<Submission>, Error> {
        let mut tx = self.snapshot().await?;
        read(&mut tx, epoch).await
    }
}

async fn read(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<Vec<Submission>, Error> {
    let rows = sqlx::query!(
        r#"select attempt, sender, nonce, tx_hash, raw_tx, s.recorded_at, reason as "reason?"
        from epoch_submission s left join epoch_submission_end using (epoch_number, attempt)
        where epoch_number = $1 order by attempt"#,
        epoch_key(epoch)
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Submission {
                epoch,
                attempt: TABLE.small(row.attempt)?,
                sender: TABLE.address(&row.sender)?,
                nonce: TABLE.number(row.nonce)?,
                tx_hash: TABLE.b256(&row.tx_hash)?,
                raw_tx: row.raw_tx,
                recorded_at: row.recorded_at,
                superseded: row.reason.map(SupersedeReason::from_code).transpose()?,
            })
        })
        .collect()
}

fn number(attempt: u32) -> Result<i32, Error> {
    i32::try_from(attempt).map_err(|_| Error::OutOfBound { what: "attempt" })
}
