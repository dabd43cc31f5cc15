//! What operators did: the log that the schema writes with each of their acts.
//!
//! **Invariant:** read only. A line is written by the row that the act is, in the same db_tx, and there is
//! no other way to write one.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use domain::EpochNumber;
use time::OffsetDateTime;

use crate::column::{Columns, lookup};
use crate::{ApiKeyId, Error, Ledger, PageLimit, WebhookId};

/// An act's number, from 1, in the order of the commits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ActionNumber(u64);

/// What an operator did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OperatorAction {
    /// Its place in the log.
    pub number: ActionNumber,
    /// What was done.
    pub act: Act,
    /// The key that it was asked with; none for whoever came to the database itself, and for an api that
    /// takes requests without keys.
    pub by: Option<ApiKeyId>,
    /// The login by which it came to the database.
    pub login: String,
    /// When.
    pub acted_at: OffsetDateTime,
}

/// What can be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// The epoch was to be sealed.
    SealRequested(EpochNumber),
    /// The key was added.
    KeyAdded(ApiKeyId),
    /// The key was revoked.
    KeyRevoked(ApiKeyId),
    /// The webhook was added.
    WebhookAdded(WebhookId),
    /// The webhook was revoked.
    WebhookRevoked(WebhookId),
    /// The webhook was tried again, after it had failed.
    WebhookResumed(WebhookId),
}

const TABLE: Columns = Columns("operator_action");

impl ActionNumber {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ActionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ActionNumber {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Ledger {
    /// What operators did before an act, newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn operator_actions(
        &self,
        before: Option<ActionNumber>,
        limit: PageLimit,
    ) -> Result<Vec<OperatorAction>, Error> {
        let rows = sqlx::query!(
            "select action_number, action_kind, epoch_number, subject_key_id, subject_webhook_id,
                api_key_id, login, acted_at
            from operator_action where action_number < $1 order by action_number desc limit $2",
            before.map_or(i64::MAX, |before| lookup(before.0)),
            limit.rows()
        )
        .fetch_all(self.pool())
        .await?;
        let key = |id: &str| id.parse::<ApiKeyId>().map_err(|_| TABLE.corrupt());
        let webhook = |id: &str| id.parse::<WebhookId>().map_err(|_| TABLE.corrupt());
        rows.into_iter()
            .map(|row| {
                let (epoch, of_key) = (row.epoch_number, row.subject_key_id.as_deref());
                let of_webhook = row.subject_webhook_id.as_deref();
                let act = match (row.action_kind, epoch, of_key, of_webhook) {
                    (1, Some(epoch), None, None) => Act::SealRequested(TABLE.epoch(epoch)?),
                    (2, None, Some(id), None) => Act::KeyAdded(key(id)?),
                    (3, None, Some(id), None) => Act::KeyRevoked(key(id)?),
                    (4, None, None, Some(id)) => Act::WebhookAdded(webhook(id)?),
                    (5, None, None, Some(id)) => Act::WebhookRevoked(webhook(id)?),
                    (6, None, None, Some(id)) => Act::WebhookResumed(webhook(id)?),
                    _ => return Err(TABLE.corrupt()),
                };
                Ok(OperatorAction {
                    number: ActionNumber(TABLE.number(row.action_number)?),
                    act,
                    by: row.api_key_id.as_deref().map(key).transpose()?,
                    login: row.login,
                    acted_at: row.acted_at,
                })
            })
            .collect()
    }
}
