//! The REST API and the pages of Netfold.
//!
//! **Invariant:** HTTP only. Input becomes `domain` types once, at the edge; every rule is
//! `domain`'s or `ledger`'s; this crate decides only how things are written and which status a
//! refusal has. It deliberately knows no SQL, no proofs, no L1 node and no engine: it meets the
//! engine in the ledger alone.
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "postgres://localhost/netfold";
//! let ledger = ledger::Ledger::connect(url, ledger::Role::Api, 16).await?;
//! let state = api::State::new(ledger, api::Settings::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! api::serve(listener, state, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod access;
mod accounts;
mod as_of;
mod assets;
mod batches;
mod cells;
mod costs;
mod deposits;
mod epochs;
mod error;
mod etag;
mod events;
pub mod evidence;
mod exits;
mod extract;
mod flows;
mod health;
mod idempotency;
mod identity;
mod jobs;
mod json;
mod kept;
mod layers;
mod metrics;
mod money;
mod operator_actions;
mod page;
mod pages;
mod rate;
mod rollups;
mod router;
mod server;
mod simulate;
mod state;
mod transfers;
mod trial_balance;
mod webhooks;

pub use access::Access;
pub use batches::{BatchRequest, ExitRequest, LaneRequest, SignatureRequest, TransferRequest};
pub use extract::BODY_LIMIT;
pub use rate::{Network, NetworkError, RateLimits, Rates};
pub use router::{openapi, router};
pub use server::serve;
pub use state::{Settings, State};
pub use webhooks::{
    Reach, WebhookMaster, WebhookMasterError, WebhookSettings, WebhookSettingsError,
};
