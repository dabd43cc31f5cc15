//! What is said of webhooks to `netfold api`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

/// How webhooks are told of events.
#[derive(Debug, Args)]
pub(crate) struct WebhookArguments {
    /// What webhooks' secrets follow from, at least 32 characters, the same for every api of the database. Without it
    /// no webhook is told anything.
    #[arg(
        id = "webhook_secret",
        long = "webhook-secret",
        value_name = "SECRET",
        env = "NETFOLD_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    secret: Option<String>,
    /// Where webhooks may be: `public` addresses by https, there and on this machine (`loopback`), or `any`
    /// address, those of private networks too.
    #[arg(
        id = "webhook_reach",
        long = "webhook-reach",
        value_name = "REACH",
        env = "NETFOLD_WEBHOOK_REACH",
        default_value = "public"
    )]
    #[arg(value_parser = reach)]
    reach: api::Reach,
    /// Certificates to trust besides those of this machine, as PEM.
    #[arg(id = "webhook_ca", long = "webhook-ca", value_name = "FILE", env = "NETFOLD_WEBHOOK_CA")]
    ca: Option<PathBuf>,
}

impl WebhookArguments {
    /// The settings, if there is a secret.
    pub(crate) fn settings(&self) -> anyhow::Result<Option<api::WebhookSettings>> {
        let Some(secret) = &self.secret else { return Ok(None) };
        let master =
            api::WebhookMaster::new(secret).context("NETFOLD_WEBHOOK_SECRET cannot be used")?;
        let settings = api::WebhookSettings::new(master, self.reach, self.ca.as_deref());
        settings.map(Some).context("webhooks cannot be told: check --webhook-ca")
    }
}

fn reach(text: &str) -> Result<api::Reach, String> {
    match text {
        "public" => Ok(api::Reach::Public),
        "loopback" => Ok(api::Reach::Loopback),
        "any" => Ok(api::Reach::Any),
        _ => Err("it is public, loopback or any".to_owned()),
    }
}
