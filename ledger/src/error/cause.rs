//! What Postgres and its driver say, as errors of the ledger.

use std::fmt;
use std::sync::Arc;

use sqlx::error::DatabaseError;

use super::Error;
use crate::constraint;

/// What lies under an [`Error`], for the log.
#[derive(Clone)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Error {
    pub(crate) fn connecting(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code.as_deref() {
            Some("28P01" | "28000" | "42501") => Self::LoginRefused(Cause::new(error)),
            Some("3D000") => Self::NoDatabase(Cause::new(error)),
            // The role that is asked for does not exist.
            Some("22023") => Self::NotMigrated,
            _ => Self::from(error),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) => {
                let known = refusal.constraint().and_then(constraint::known);
                match (known, refusal.code().as_deref()) {
                    (Some(constraint), _) => Self::Forbidden { constraint },
                    // Postgres shuts down or starts up, or has ended a session that held a db_tx
                    // without a word for too long: the connection is gone.
                    (None, Some("57P01" | "57P02" | "57P03" | "25P03")) => {
                        Self::Unreachable(Cause::new(error))
                    }
                    (None, Some("57014")) => Self::TookTooLong(Cause::new(error)),
                    (None, Some("53100")) => Self::DiskFull(Cause::new(error)),
                    (None, Some("42501")) => Self::PermissionDenied(Cause::new(error)),
                    _ => Self::Postgres(Cause::new(error)),
                }
            }
            sqlx::Error::Configuration(_) => Self::BadUrl(Cause::new(error)),
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
            | sqlx::Error::Protocol(_) => Self::Unreachable(Cause::new(error)),
            _ => Self::Postgres(Cause::new(error)),
        }
    }
}

impl Cause {
    pub(crate) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// Whether Postgres took back for a moment what it was asked.
    pub(super) fn is_transient(&self) -> bool {
        let error = self.0.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
        let code = error.and_then(DatabaseError::code);
        // Serialisation failure, deadlock, lock not granted in time, too many connections.
        matches!(code.as_deref(), Some("40001" | "40P01" | "55P03" | "53300"))
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
