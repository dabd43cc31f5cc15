//! `netfold api`: the REST interface and the pages, on a database that an engine works on.

use std::process::ExitCode;
use std::time::Duration;

use ledger::Role;

use crate::cli::ApiArguments;
use crate::progress::say;
use crate::services::{self, Services};

pub(super) async fn run(arguments: &ApiArguments) -> anyhow::Result<ExitCode> {
    let listener = services::listen(arguments.listen).await?;
    let ledger = services::connect(&arguments.database.database_url, Role::Api).await?;
    let replica = services::replica(arguments.read.read_url.as_deref())?;
    let seal_every = arguments.seal_every.map(Duration::from_secs);
    let mut running = Services::new();
    let (access, webhooks) =
        (arguments.access, arguments.webhooks.settings(arguments.webhook_reach)?);
    let rate = arguments.rate.limits();
    let settings = api::Settings { access, rate, webhooks, seal_every, ..Default::default() };
    let address = running.serve(listener, ledger, replica, settings)?;
    say(format_args!("The page is at http://{address}"));
    let outcome = running.until_asked_to_end().await;
    running.end().await;
    outcome.map(|()| ExitCode::SUCCESS)
}
