//! Keys of the api, and what their holders may ask for.
//!
//! **Invariant:** a key is shown once, when it is made, and never kept: here is its hash. What a key may do
//! does not change, and a revoked key stays revoked. A key moves no money: a batch needs its rollup's
//! signature whoever sends it.

mod scope;
mod secret;

use std::collections::BTreeSet;

use alloy_primitives::B256;
use time::OffsetDateTime;

use crate::column::Columns;
use crate::{Error, Ledger};

pub use scope::{Scope, ScopeError};
pub use secret::{ApiKeyId, ApiKeyIdError, ApiKeySecret};

/// A key, as far as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// Its public part.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// What it may do; one does not include another.
    pub scopes: BTreeSet<Scope>,
    /// When it was added.
    pub added_at: OffsetDateTime,
    /// When it was revoked, if it was.
    pub revoked_at: Option<OffsetDateTime>,
}

const TABLE: Columns = Columns("api_key");

impl Ledger {
    /// Adds a key. Only [`crate::Role::Owner`] may.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a name of no or more than 100 characters, and for no or more than 20 scopes.
    pub async fn add_api_key(
        &self,
        secret: &ApiKeySecret,
        name: &str,
        scopes: &BTreeSet<Scope>,
    ) -> Result<ApiKey, Error> {
        let listed = scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let added_at = sqlx::query_scalar!(
            "insert into api_key (api_key_id, name, scopes, key_digest) values ($1, $2, $3, $4)
            returning added_at",
            secret.id().to_string(),
            name,
            listed,
            secret.digest().to_vec()
        )
        .fetch_one(self.pool())
        .await?;
        let (name, scopes) = (name.to_owned(), scopes.clone());
        Ok(ApiKey { id: secret.id(), name, scopes, added_at, revoked_at: None })
    }

    /// The key with that public part, and the hash of the whole. Only [`crate::Role::Api`] and the owner
    /// may ask.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<(ApiKey, B256)>, Error> {
        let row = sqlx::query!(
            r#"select name, scopes, key_digest, added_at, revoked_at as "revoked_at?"
            from api_key left join api_key_revocation using (api_key_id) where api_key_id = $1"#,
            id.to_string()
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (added_at, revoked_at) = (row.added_at, row.revoked_at);
        let key =
            ApiKey { id, name: row.name, scopes: read_scopes(&row.scopes)?, added_at, revoked_at };
        Ok(Some((key, TABLE.b256(&row.key_digest)?)))
    }

    /// All keys, revoked ones too, the newest first.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        let rows = sqlx::query!(
            r#"select api_key_id, name, scopes, added_at, revoked_at as "revoked_at?"
            from api_key left join api_key_revocation using (api_key_id)
            order by added_at desc, api_key_id"#
        )
        .fetch_all(self.pool())
        .await?;
        let key = |id: &str, name, scopes: &str, added_at, revoked_at| {
            let id = id.parse().map_err(|_| TABLE.corrupt())?;
            Ok(ApiKey { id, name, scopes: read_scopes(scopes)?, added_at, revoked_at })
        };
        rows.into_iter()
            .map(|row| key(&row.api_key_id, row.name, &row.scopes, row.added_at, row.revoked_at))
            .collect()
    }

    /// Revokes a key; one that is revoked stays as it is. Only [`crate::Role::Owner`] may.
    ///
    /// # Errors
    /// [`Error::UnknownApiKey`].
    pub async fn revoke_api_key(&self, id: ApiKeyId) -> Result<ApiKey, Error> {
        sqlx::query!(
            "insert into api_key_revocation (api_key_id) values ($1)
            on conflict (api_key_id) do nothing",
            id.to_string()
        )
        .execute(self.pool())
        .await
        .map_err(|error| {
            Error::from(error)
                .on_constraint("api_key_revocation_of_key", || Error::UnknownApiKey { id })
        })?;
        let found = self.api_key(id).await?;
        found.map(|(key, _)| key).ok_or(Error::UnknownApiKey { id })
    }
}

fn read_scopes(text: &str) -> Result<BTreeSet<Scope>, Error> {
    let scopes = text.split(' ').map(str::parse).collect::<Result<_, _>>();
    scopes.map_err(|_: ScopeError| TABLE.corrupt())
}
