//! The arguments of `netfold webhook`, and what is said of webhooks to whoever serves the api.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ledger::{EventType, WebhookId};

use super::UrlArguments;

/// How webhooks are told of events.
#[derive(Debug, Args)]
pub(crate) struct WebhookArguments {
    /// What webhooks' secrets follow from, at least 32 characters, the same for every api of the database [default: none,
    /// and no webhook is told anything; with `netfold up` one of the state folder].
    #[arg(
        id = "webhook_secret",
        long = "webhook-secret",
        value_name = "SECRET",
        env = "NETFOLD_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    secret: Option<String>,
    /// Certificates to trust besides those of this machine, as PEM.
    #[arg(id = "webhook_ca", long = "webhook-ca", value_name = "FILE", env = "NETFOLD_WEBHOOK_CA")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Have events posted to an address; what posts are signed with is shown this once.
    Add(WebhookAddArguments),
    /// Show all webhooks that are not revoked, and whether they get through.
    List(WebhookListArguments),
    /// Revoke a webhook for good: it is told nothing more.
    Revoke(WebhookOneArguments),
    /// Have a webhook tried again that failed or was given up.
    Resume(WebhookOneArguments),
}

#[derive(Debug, Args)]
pub(crate) struct WebhookAddArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// A type of event that is wanted, such as epoch_settled; may be repeated [default: all].
    #[arg(long = "event", value_name = "TYPE")]
    pub(crate) events: Vec<EventType>,
    /// Begin after this event, 0 for all there are [default: what happens from now on].
    #[arg(long, value_name = "EVENT")]
    pub(crate) after: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where events are posted to: https, unless the api was told to reach more.
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,
}

#[derive(Debug, Args)]
pub(crate) struct WebhookListArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WebhookOneArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// The 16 hex digits, as `netfold webhook list` shows them.
    pub(crate) id: WebhookId,
}

impl WebhookArguments {
    /// The settings, if there is a secret.
    pub(crate) fn settings(
        &self,
        reach: api::Reach,
    ) -> anyhow::Result<Option<api::WebhookSettings>> {
        let secret = self.secret.as_ref();
        secret.map(|secret| self.settings_with(secret, reach)).transpose()
    }

    /// The settings; without a secret with the one that is made here.
    pub(crate) fn settings_or(
        &self,
        make: impl FnOnce() -> anyhow::Result<String>,
        reach: api::Reach,
    ) -> anyhow::Result<api::WebhookSettings> {
        let secret = self.secret.clone().map_or_else(make, Ok)?;
        self.settings_with(&secret, reach)
    }

    fn settings_with(
        &self,
        secret: &str,
        reach: api::Reach,
    ) -> anyhow::Result<api::WebhookSettings> {
        let master =
            api::WebhookMaster::new(secret).context("NETFOLD_WEBHOOK_SECRET cannot be used")?;
        let settings = api::WebhookSettings::new(master, reach, self.ca.as_deref());
        settings.context("webhooks cannot be told: check --webhook-ca")
    }
}

pub(super) fn reach(text: &str) -> Result<api::Reach, String> {
    match text {
        "public" => Ok(api::Reach::Public),
        "loopback" => Ok(api::Reach::Loopback),
        "any" => Ok(api::Reach::Any),
        _ => Err("it is public, loopback or any".to_owned()),
    }
}
