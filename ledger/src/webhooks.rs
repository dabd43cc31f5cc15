//! Webhooks: who is told of events, and up to where they have been told.
//!
//! **Invariant:** a webhook's position follows from the attempts that delivered and from what it did not want. The
//! schema takes no attempt but one at the first event after the position, so nothing is left out or told out of
//! order, whoever sends and however often they were restarted. Secrets are not here: they follow from the sender's.

mod attempt;
mod id;

use std::collections::BTreeSet;

use alloy_primitives::B256;
use time::OffsetDateTime;

use crate::column::{Columns, bigint};
use crate::connection::Tx;
use crate::engine_lock::EngineLock;
use crate::idempotency::{self, Wrote};
use crate::{ApiKeyId, Error, Event, EventNumber, EventType, KeyedRequest, Ledger};

pub use attempt::{Attempt, AttemptNumber, Outcome};
pub use id::{WebhookId, WebhookIdError};

/// A webhook, and how far it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Webhook {
    /// Its name.
    pub id: WebhookId,
    /// Where deliveries are posted to.
    pub url: String,
    /// The types of event that it wants; all if none is named.
    pub events: Option<BTreeSet<EventType>>,
    /// Only what happened after this event is told.
    pub after: EventNumber,
    /// SHA-256 of the secret that its deliveries are signed with.
    pub secret_digest: B256,
    /// When it was added.
    pub added_at: OffsetDateTime,
    /// When it was revoked, if it was.
    pub revoked_at: Option<OffsetDateTime>,
    /// The event up to which it has been told everything that it wants.
    pub position: EventNumber,
    /// The last event there is.
    pub last_event: EventNumber,
    /// The last attempt, if there was one.
    pub last_attempt: Option<Attempt>,
    /// When something was delivered last.
    pub delivered_at: Option<OffsetDateTime>,
    /// Attempts that failed since the last one that delivered, or since it was last tried again on command.
    pub failures: u64,
    /// Since when the first event that it wants has been waiting.
    pub waiting_since: Option<OffsetDateTime>,
    /// The database's time, for what is counted from the times above.
    pub now: OffsetDateTime,
}

/// A webhook to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewWebhook<'a> {
    /// Its name, at random.
    pub id: WebhookId,
    /// Where deliveries are posted to.
    pub url: &'a str,
    /// The types of event that it wants; all if `None`.
    pub events: Option<&'a BTreeSet<EventType>>,
    /// The event after which it starts; what happens from now on if `None`.
    pub after: Option<EventNumber>,
    /// SHA-256 of its secret.
    pub secret_digest: B256,
}

const TABLE: Columns = Columns("webhook");

/// Most webhooks that are told of events at once: each is a reader of every event.
const MOST: usize = 100;

impl Webhook {
    /// Whether it wants an event.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        self.events.as_ref().is_none_or(|events| events.contains(&event.kind.event_type()))
    }

    /// The number of the next attempt.
    #[must_use]
    pub fn next_attempt(&self) -> AttemptNumber {
        self.last_attempt.as_ref().map_or(AttemptNumber::FIRST, |last| last.number.next())
    }
}

/// How a write of a webhook begins.
enum Begun<'a> {
    /// It is to be written.
    New(Tx<'a>),
    /// It was written before, with the same idempotency key: this webhook.
    Done(WebhookId),
}

impl Ledger {
    /// Adds a webhook, in the name of a key if one is given. One that was added with this idempotency key before
    /// is answered as it is now, and nothing is added.
    ///
    /// # Errors
    /// [`Error::TooManyWebhooks`]; [`Error::UnknownEvent`] for a start that has not happened yet;
    /// [`Error::OutOfBound`] for an address of more than 2,048 bytes; [`Error::ApiKeyRefused`];
    /// [`Error::IdempotencyKeyReused`].
    pub async fn add_webhook(
        &self,
        new: &NewWebhook<'_>,
        by: Option<ApiKeyId>,
        keyed: Option<&KeyedRequest>,
    ) -> Result<Webhook, Error> {
        let mut tx = match self.begin(by, keyed).await? {
            Begun::New(tx) => tx,
            Begun::Done(id) => return self.known_webhook(id).await,
        };
        let live = sqlx::query_scalar!(
            r#"select count(*) as "live!" from webhook w where not exists (
                select from webhook_revocation r where r.webhook_id = w.webhook_id
            )"#
        )
        .fetch_one(&mut *tx)
        .await?;
        if usize::try_from(live).unwrap_or(usize::MAX) >= MOST {
            return Err(Error::TooManyWebhooks { limit: MOST });
        }
        let kinds: Option<Vec<i16>> =
            new.events.map(|events| events.iter().map(|event| event.code()).collect());
        let after = new.after.map(|after| bigint("event number", after.number())).transpose()?;
        sqlx::query!(
            "insert into webhook (webhook_id, url, event_kinds, after_event, secret_digest)
            values ($1, $2, $3,
                coalesce($4, (select max(event_number) from event), 0), $5)",
            new.id.to_string(),
            new.url,
            kinds.as_deref(),
            after,
            new.secret_digest.to_vec()
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            let event = new.after.unwrap_or(EventNumber::START);
            by_key(error, by)
                .on_constraint("webhook_starts_at_an_event", || Error::UnknownEvent { event })
                .on_constraint("webhook_url_in_bound", || Error::OutOfBound { what: "an address" })
        })?;
        self.end(tx, keyed, new.id).await
    }

    /// Revokes a webhook; one that is revoked stays as it is. With an idempotency key that it was revoked with
    /// before, nothing is done, and `true` says so.
    ///
    /// # Errors
    /// [`Error::UnknownWebhook`], [`Error::ApiKeyRefused`], [`Error::IdempotencyKeyReused`].
    pub async fn revoke_webhook(
        &self,
        id: WebhookId,
        by: Option<ApiKeyId>,
        keyed: Option<&KeyedRequest>,
    ) -> Result<(Webhook, bool), Error> {
        let Begun::New(mut tx) = self.begin(by, keyed).await? else {
            return Ok((self.known_webhook(id).await?, true));
        };
        sqlx::query!(
            "insert into webhook_revocation (webhook_id) values ($1)
            on conflict (webhook_id) do nothing",
            id.to_string()
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            by_key(error, by)
                .on_constraint("webhook_revocation_of_webhook", || Error::UnknownWebhook { id })
        })?;
        Ok((self.end(tx, keyed, id).await?, false))
    }

    /// Has a webhook tried again at once, and its failures counted from here. One that did not fail stays as
    /// it is. With an idempotency key that it was resumed with before, nothing is done, and `true` says so: what has
    /// failed since then is counted.
    ///
    /// # Errors
    /// [`Error::UnknownWebhook`], [`Error::ApiKeyRefused`], [`Error::IdempotencyKeyReused`].
    pub async fn resume_webhook(
        &self,
        id: WebhookId,
        by: Option<ApiKeyId>,
        keyed: Option<&KeyedRequest>,
    ) -> Result<(Webhook, bool), Error> {
        let Begun::New(mut tx) = self.begin(by, keyed).await? else {
            return Ok((self.known_webhook(id).await?, true));
        };
        sqlx::query!(
            "insert into webhook_resumption (webhook_id, after_attempt)
            select webhook_id, attempt_number from (
                select webhook_id, attempt_number, outcome from webhook_attempt
                where webhook_id = $1 order by attempt_number desc limit 1
            ) last where outcome <> 1
            on conflict (webhook_id, after_attempt) do nothing",
            id.to_string()
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| by_key(error, by))?;
        Ok((self.end(tx, keyed, id).await?, false))
    }

    /// The webhook of that name, revoked or not.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, Error> {
        Ok(self.read_webhooks(Some(id)).await?.pop())
    }

    /// The webhooks that are not revoked, the newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        self.read_webhooks(None).await
    }

    /// Takes the lock of whoever sends; `None` while somebody else has it. One sender tells all webhooks, so that
    /// several processes neither tell things twice nor out of order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn lock_webhooks(&self) -> Result<Option<EngineLock>, Error> {
        self.try_lock(crate::engine_lock::WEBHOOKS).await
    }

    /// Begins a write of a webhook, unless its idempotency key stands for one already.
    async fn begin(
        &self,
        by: Option<ApiKeyId>,
        keyed: Option<&KeyedRequest>,
    ) -> Result<Begun<'_>, Error> {
        let mut tx = self.write_as(by).await?;
        let Some(keyed) = keyed else { return Ok(Begun::New(tx)) };
        match idempotency::known(&mut tx, keyed).await? {
            None => Ok(Begun::New(tx)),
            Some(Wrote::Webhook(id)) => {
                // Whoever waits for the books holds a connection, and reading the webhook needs another one.
                tx.rollback().await?;
                Ok(Begun::Done(id))
            }
            // The same bytes to another path are another request.
            Some(Wrote::SealRequest(_)) => Err(Columns("keyed_write").corrupt()),
        }
    }

    /// Commits a write of a webhook, with its idempotency key if it came with one.
    async fn end(
        &self,
        mut tx: Tx<'_>,
        keyed: Option<&KeyedRequest>,
        id: WebhookId,
    ) -> Result<Webhook, Error> {
        if let Some(keyed) = keyed {
            let kept = idempotency::keep(&mut tx, keyed, Wrote::Webhook(id)).await;
            kept.map_err(|error| {
                error.on_constraint("keyed_write_of_webhook", || Error::UnknownWebhook { id })
            })?;
        }
        tx.commit().await?;
        self.known_webhook(id).await
    }

    async fn known_webhook(&self, id: WebhookId) -> Result<Webhook, Error> {
        self.webhook(id).await?.ok_or(Error::UnknownWebhook { id })
    }

    /// One, or all that are not revoked. What waits is looked for among the next thousand events: what is not
    /// wanted is passed by stretches of that length.
    async fn read_webhooks(&self, id: Option<WebhookId>) -> Result<Vec<Webhook>, Error> {
        let rows = sqlx::query!(
            r#"select w.webhook_id, url, event_kinds, after_event, secret_digest, added_at,
                revoked_at as "revoked_at?", reached as "reached!",
                coalesce((select max(event_number) from event), 0) as "last_event!",
                last.attempt_number as "last_number?", last.event_number as "last_attempted?",
                last.outcome as "last_outcome?", last.http_status as "last_status?",
                last.attempted_at as "last_at?", delivered.attempted_at as "delivered_at?",
                coalesce(delivered.attempt_number, 0) as "delivered_attempt!",
                coalesce((
                    select max(after_attempt) from webhook_resumption m
                    where m.webhook_id = w.webhook_id
                ), 0) as "resumed_after!",
                (
                    select recorded_at from (
                        select event_number, event_kind, recorded_at from event
                        where event_number > reached order by event_number limit 1000
                    ) next
                    where w.event_kinds is null or next.event_kind = any (w.event_kinds)
                    order by event_number limit 1
                ) as waiting_since,
                clock_timestamp() as "now!"
            from webhook w
            cross join lateral (select webhook_position(w.webhook_id) as reached offset 0) position
            left join webhook_revocation r on r.webhook_id = w.webhook_id
            left join lateral (
                select * from webhook_attempt a where a.webhook_id = w.webhook_id
                order by attempt_number desc limit 1
            ) last on true
            left join lateral (
                select attempt_number, attempted_at from webhook_attempt a
                where a.webhook_id = w.webhook_id and outcome = 1
                order by event_number desc limit 1
            ) delivered on true
            where ($1::text is null and r.webhook_id is null) or w.webhook_id = $1
            order by added_at desc, w.webhook_id"#,
            id.map(|id| id.to_string())
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                let last_attempt = read_attempt(
                    (row.last_number, row.last_attempted, row.last_outcome),
                    row.last_status,
                    row.last_at,
                )?;
                let counted_from = row.delivered_attempt.max(row.resumed_after);
                let last = last_attempt.as_ref().map_or(0, |last| last.number.number());
                Ok(Webhook {
                    id: row.webhook_id.parse().map_err(|_| TABLE.corrupt())?,
                    url: row.url,
                    events: row.event_kinds.as_deref().map(read_kinds).transpose()?,
                    after: EventNumber::new(TABLE.number(row.after_event)?),
                    secret_digest: TABLE.b256(&row.secret_digest)?,
                    added_at: row.added_at,
                    revoked_at: row.revoked_at,
                    position: EventNumber::new(TABLE.number(row.reached)?),
                    last_event: EventNumber::new(TABLE.number(row.last_event)?),
                    last_attempt,
                    delivered_at: row.delivered_at,
                    failures: last.saturating_sub(TABLE.number(counted_from)?),
                    waiting_since: row.waiting_since,
                    now: row.now,
                })
            })
            .collect()
    }
}

/// The columns of an attempt, where there is one.
fn read_attempt(
    columns: (Option<i64>, Option<i64>, Option<i16>),
    status: Option<i16>,
    at: Option<OffsetDateTime>,
) -> Result<Option<Attempt>, Error> {
    let (Some(number), Some(event), Some(outcome)) = columns else { return Ok(None) };
    Ok(Some(Attempt {
        number: AttemptNumber::read(number)?,
        event: EventNumber::new(TABLE.number(event)?),
        outcome: Outcome::read(outcome, status)?,
        at: at.ok_or_else(|| TABLE.corrupt())?,
    }))
}

/// A refusal of who acts, by their key.
fn by_key(error: sqlx::Error, by: Option<ApiKeyId>) -> Error {
    match by {
        Some(id) => Error::from(error)
            .on_constraint("operator_action_of_an_operator", || Error::ApiKeyRefused { id }),
        None => error.into(),
    }
}

fn read_kinds(codes: &[i16]) -> Result<BTreeSet<EventType>, Error> {
    let kind = |code: &i16| EventType::from_code(*code).ok_or_else(|| TABLE.corrupt());
    codes.iter().map(kind).collect()
}
