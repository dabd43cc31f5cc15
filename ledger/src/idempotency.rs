//! Idempotency keys: writes that are answered once more as they were the first time.
//!
//! **Invariant:** a key is written with what its request wrote, in the same db_tx, or not at all; a caller's
//! key stands for one request for good. What was refused is not kept: asked again, it is decided again.
//! What is kept names what was written, and the answer is read from there.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::B256;
use domain::EpochNumber;
use sha2::{Digest, Sha256};

use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::{ApiKeyId, Error, Posted, WebhookId};

/// What a caller calls a request, so that it takes effect once: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct IdempotencyKey(String);

/// Text that is no idempotency key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an idempotency key has 1 to {MOST_CHARACTERS} visible ASCII characters")]
pub struct IdempotencyKeyError;

/// A request that came with an idempotency key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyedRequest {
    /// The key of the api that it came with: idempotency keys are each caller's own.
    pub caller: Option<ApiKeyId>,
    /// What the caller calls it.
    pub key: IdempotencyKey,
    /// SHA-256 of what was asked for.
    pub digest: B256,
}

/// Whose key, and which.
pub(crate) type KeyName = (Option<ApiKeyId>, IdempotencyKey);

/// One batch of a request that came with an idempotency key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeyedItem {
    pub(crate) request: KeyedRequest,
    /// Which of the request's batches, from 0.
    pub(crate) item: u16,
}

/// What a key stands for that came with something else than batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wrote {
    /// The wish that this epoch be sealed.
    SealRequest(EpochNumber),
    /// This webhook.
    Webhook(WebhookId),
}

/// What a posting is answered with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answered {
    /// The answer, the same whenever it is given for one idempotency key.
    pub posted: Posted,
    /// Whether it was given for that key before.
    pub again: bool,
}

impl FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        let is_key = (1..=MOST_CHARACTERS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyError) }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyedRequest {
    /// A request that a caller names by a key: what was asked of which resource, to the byte.
    #[must_use]
    pub fn new(caller: Option<ApiKeyId>, key: IdempotencyKey, asked: &str, body: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(asked).chain_update([b'\n']).chain_update(body);
        Self { caller, key, digest: B256::new(digest.finalize().into()) }
    }

    pub(crate) fn name(&self) -> KeyName {
        (self.caller, self.key.clone())
    }

    /// The caller as the schema names it: nothing for whoever came without a key of the api.
    pub(crate) fn caller(&self) -> String {
        self.caller.map(|id| id.to_string()).unwrap_or_default()
    }
}

/// What the books say of a request's key, under their lock.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] if the key stands for another request.
pub(crate) async fn known(tx: &mut Tx<'_>, request: &KeyedRequest) -> Result<Option<Wrote>, Error> {
    let columns = Columns("keyed_write");
    let row = sqlx::query!(
        "select request_digest, epoch_number, webhook_id from keyed_write
        where caller = $1 and idempotency_key = $2 limit 1",
        request.caller(),
        request.key.to_string()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let is_same = row.request_digest == request.digest.as_slice();
    match (row.epoch_number, row.webhook_id) {
        (Some(epoch), _) if is_same => Ok(Some(Wrote::SealRequest(columns.epoch(epoch)?))),
        (_, Some(id)) if is_same => {
            Ok(Some(Wrote::Webhook(id.parse().map_err(|_| columns.corrupt())?)))
        }
        _ => Err(Error::IdempotencyKeyReused { key: request.key.clone() }),
    }
}

/// Keeps a request's key with what it wrote, in the db_tx that wrote it.
pub(crate) async fn keep(
    tx: &mut Tx<'_>,
    request: &KeyedRequest,
    wrote: Wrote,
) -> Result<(), Error> {
    let (epoch, webhook) = match wrote {
        Wrote::SealRequest(epoch) => (Some(epoch_key(epoch)), None),
        Wrote::Webhook(id) => (None, Some(id.to_string())),
    };
    sqlx::query!(
        "insert into keyed_write (api_key_id, idempotency_key, item, request_digest,
            epoch_number, webhook_id, replayed)
        values (nullif($1, ''), $2, 0, $3::bytea, $4, $5, false)",
        request.caller(),
        request.key.to_string(),
        request.digest.as_slice(),
        epoch,
        webhook
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Most characters of an idempotency key.
const MOST_CHARACTERS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    /// Visible ASCII within the bound, and nothing else, is a key, and shows as it was given.
    #[test]
    fn keys_are_visible_and_bounded() {
        let longest = "k".repeat(255);
        for text in ["1", "~!\"", "8e03978e-40d5-43dd-bc93-6894a57f9324", &longest] {
            assert_eq!(text.parse::<IdempotencyKey>().unwrap().to_string(), text);
        }
        for text in ["", " ", "a b", "a\n", "é", "\u{7f}", &"k".repeat(256)] {
            assert_eq!(text.parse::<IdempotencyKey>(), Err(IdempotencyKeyError), "{text}");
        }
    }
}
