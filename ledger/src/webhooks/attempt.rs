//! Attempts to tell webhooks of events, and what came of them.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use time::OffsetDateTime;

use super::WebhookId;
use crate::column::{Columns, bigint, lookup};
use crate::{Error, EventNumber, Ledger, PageLimit};

/// An attempt's number among those of its webhook, from 1, without gaps.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AttemptNumber(u64);

/// An attempt to tell a webhook of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Which attempt of the webhook.
    pub number: AttemptNumber,
    /// At which event.
    pub event: EventNumber,
    /// What came of it.
    pub outcome: Outcome,
    /// When it was over.
    pub at: OffsetDateTime,
}

/// What can come of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was answered with success: the event is told.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// It was answered otherwise.
    Refused {
        /// Anything else.
        status: u16,
    },
    /// Nobody answers there: no such name, no such port, or the connection was cut.
    Unreachable,
    /// Whoever answers there has no certificate that says that they should.
    Untrusted,
    /// No answer came in time.
    TimedOut,
    /// The address is one that may not be reached from here.
    Forbidden,
}

const TABLE: Columns = Columns("webhook_attempt");

impl AttemptNumber {
    /// The first attempt.
    pub const FIRST: Self = Self(1);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) fn read(number: i64) -> Result<Self, Error> {
        TABLE.number(number).map(Self)
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AttemptNumber {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Outcome {
    /// What an answer of that status means.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered { status },
            _ => Self::Refused { status },
        }
    }

    /// Whether the event is told.
    #[must_use]
    pub const fn is_delivered(self) -> bool {
        matches!(self, Self::Delivered { .. })
    }

    const fn columns(self) -> (i16, Option<u16>) {
        match self {
            Self::Delivered { status } => (1, Some(status)),
            Self::Refused { status } => (2, Some(status)),
            Self::Unreachable => (3, None),
            Self::Untrusted => (4, None),
            Self::TimedOut => (5, None),
            Self::Forbidden => (6, None),
        }
    }

    pub(super) fn read(outcome: i16, status: Option<i16>) -> Result<Self, Error> {
        let status = status.map(u16::try_from).transpose().map_err(|_| TABLE.corrupt())?;
        Ok(match (outcome, status) {
            (1, Some(status)) => Self::Delivered { status },
            (2, Some(status)) => Self::Refused { status },
            (3, None) => Self::Unreachable,
            (4, None) => Self::Untrusted,
            (5, None) => Self::TimedOut,
            (6, None) => Self::Forbidden,
            _ => return Err(TABLE.corrupt()),
        })
    }
}

impl Ledger {
    /// Records what came of an attempt; `false` if the webhook is revoked by now. It is refused unless the event
    /// is the next for the webhook and the attempt its next one, so of two senders one is.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when another sender was faster.
    pub async fn record_webhook_attempt(
        &self,
        id: WebhookId,
        number: AttemptNumber,
        event: EventNumber,
        outcome: Outcome,
    ) -> Result<bool, Error> {
        let (code, status) = outcome.columns();
        let status = status.map(i16::try_from).transpose();
        let live = sqlx::query_scalar!(
            r#"insert into webhook_attempt
                (webhook_id, attempt_number, event_number, outcome, http_status)
            values ($1, $2, $3, $4, $5)
            returning not exists (
                select from webhook_revocation r where r.webhook_id = webhook_attempt.webhook_id
            ) as "live!""#,
            id.to_string(),
            bigint("attempt number", number.0)?,
            bigint("event number", event.number())?,
            code,
            status.map_err(|_| Error::OutOfBound { what: "a status" })?
        )
        .fetch_one(self.pool())
        .await?;
        Ok(live)
    }

    /// Records that a webhook wants nothing of what there is up to an event.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it does, or is beyond it already.
    pub async fn record_webhook_pass(
        &self,
        id: WebhookId,
        through: EventNumber,
    ) -> Result<(), Error> {
        sqlx::query!(
            "insert into webhook_pass (webhook_id, through_event) values ($1, $2)",
            id.to_string(),
            bigint("event number", through.number())?
        )
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// The attempts of a webhook before one of them, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn webhook_attempts(
        &self,
        id: WebhookId,
        before: Option<AttemptNumber>,
        limit: PageLimit,
    ) -> Result<Vec<Attempt>, Error> {
        let rows = sqlx::query!(
            "select attempt_number, event_number, outcome, http_status, attempted_at
            from webhook_attempt where webhook_id = $1 and attempt_number < $2
            order by attempt_number desc limit $3",
            id.to_string(),
            before.map_or(i64::MAX, |before| lookup(before.0)),
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Attempt {
                    number: AttemptNumber::read(row.attempt_number)?,
                    event: EventNumber::new(TABLE.number(row.event_number)?),
                    outcome: Outcome::read(row.outcome, row.http_status)?,
                    at: row.attempted_at,
                })
            })
            .collect()
    }
}
