//! `netfold prover`: folding and proving in a process of its own, which knows no key of L1.

use std::process::ExitCode;

use ledger::Role;

use crate::cli::ProverArguments;
use crate::services::{self, Services};

pub(super) async fn run(arguments: &ProverArguments) -> anyhow::Result<ExitCode> {
    let ledger = services::connect(&arguments.database_url, Role::Prover).await?;
    let folder = arguments.parameters.folder(&arguments.state.state);
    let params = services::parameters(&arguments.parameters, folder).await?;
    let mut running = Services::new();
    running.prove(ledger, params);
    let outcome = running.until_asked_to_end().await;
    running.end().await;
    outcome.map(|()| ExitCode::SUCCESS)
}
