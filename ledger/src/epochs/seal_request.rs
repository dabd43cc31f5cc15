//! The wish that the open epoch be sealed: anybody who may operate can have it, the engine follows it.
//!
//! **Invariant:** an epoch is wished for once, and whoever wishes again is told of the first time.

use domain::EpochNumber;
use time::OffsetDateTime;

use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::idempotency::{self, Wrote};
use crate::posting::Head;
use crate::{ApiKeyId, Error, KeyedRequest, Ledger};

/// The wish that an epoch be sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealRequest {
    /// The epoch.
    pub epoch: EpochNumber,
    /// Who asked first.
    pub requested_by: String,
    /// When.
    pub requested_at: OffsetDateTime,
}

impl Ledger {
    /// Asks for the open epoch to be sealed. Asking again answers as the first time.
    ///
    /// # Errors
    /// [`Error::NoDomain`], or [`Error::Forbidden`] for a name of no or more than 100 characters.
    pub async fn request_seal(&self, by: &str) -> Result<SealRequest, Error> {
        request_seal(self.write().await?, by, None).await
    }

    /// The same for whoever asks with a key of the api, which the log of what operators did then names, or
    /// with an idempotency key, which stands for the epoch that was open when it was first asked with.
    ///
    /// # Errors
    /// [`Error::NoDomain`]; [`Error::ApiKeyRefused`] for a key that may not operate or is revoked, however
    /// lately, unless it had been asked for before; [`Error::IdempotencyKeyReused`].
    pub async fn request_seal_by_key(
        &self,
        id: Option<ApiKeyId>,
        keyed: Option<&KeyedRequest>,
    ) -> Result<SealRequest, Error> {
        let tx = self.write_as(id).await?;
        let Some(id) = id else { return request_seal(tx, "api", keyed).await };
        let requested = request_seal(tx, &format!("key {id}"), keyed).await;
        requested.map_err(|error| {
            error.on_constraint("operator_action_of_an_operator", || Error::ApiKeyRefused { id })
        })
    }

    /// The wish to seal the open epoch, if there is one.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn pending_seal_request(&self) -> Result<Option<SealRequest>, Error> {
        let row = sqlx::query!(
            "select epoch_number, requested_by, requested_at from seal_request
            where epoch_number = (select max(epoch_number) from epoch)"
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(SealRequest {
                epoch: Columns("seal_request").epoch(row.epoch_number)?,
                requested_by: row.requested_by,
                requested_at: row.requested_at,
            })
        })
        .transpose()
    }
}

/// Writes the wish to seal the open epoch, unless it is there, and reads it; or what its key stands for.
async fn request_seal(
    mut tx: Tx<'_>,
    by: &str,
    keyed: Option<&KeyedRequest>,
) -> Result<SealRequest, Error> {
    if let Some(keyed) = keyed {
        match idempotency::known(&mut tx, keyed).await? {
            Some(Wrote::SealRequest(epoch)) => return read_request(&mut tx, epoch).await,
            // The same bytes to another path are another request.
            Some(Wrote::Webhook(_)) => return Err(Columns("keyed_write").corrupt()),
            None => {}
        }
    }
    let epoch = Head::read(&mut tx).await?.epoch;
    sqlx::query!(
        "insert into seal_request (epoch_number, requested_by) values ($1, $2)
            on conflict (epoch_number) do nothing",
        epoch_key(epoch),
        by
    )
    .execute(&mut *tx)
    .await?;
    if let Some(keyed) = keyed {
        idempotency::keep(&mut tx, keyed, Wrote::SealRequest(epoch)).await?;
    }
    let request = read_request(&mut tx, epoch).await?;
    tx.commit().await?;
    Ok(request)
}

async fn read_request(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<SealRequest, Error> {
    let row = sqlx::query!(
        "select requested_by, requested_at from seal_request where epoch_number = $1",
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    let (requested_by, requested_at) = (row.requested_by, row.requested_at);
    Ok(SealRequest { epoch, requested_by, requested_at })
}
