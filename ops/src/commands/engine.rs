//! `netfold engine`: the epoch conductor, on a database that an api works on.

use std::process::ExitCode;

use ::engine::Proving;
use anyhow::Context as _;
use ledger::Role;

use crate::cli::EngineArguments;
use crate::services::{self, Services};

pub(super) async fn run(arguments: &EngineArguments) -> anyhow::Result<ExitCode> {
    let l1_rpc_url = arguments.l1.l1_rpc_url.as_deref();
    let l1_rpc_url = l1_rpc_url.context("set L1_RPC_URL to the L1 node")?;
    let drill = services::drill(&arguments.schedule, l1_rpc_url).await?;
    let ledger = services::connect(&arguments.database.database_url, Role::Engine).await?;
    let adoption = services::adopt(&ledger, l1_rpc_url, &arguments.l1).await?;
    let l1 = services::settling_l1(&adoption, l1_rpc_url, &arguments.l1).await?;
    let folder = arguments.parameters.folder(&arguments.state.state);
    let params = services::parameters(&arguments.parameters, folder).await?;
    let mut running = Services::new();
    let proving = if arguments.no_prover { Proving::Elsewhere } else { Proving::Here };
    running.conduct(ledger, l1, params, &arguments.schedule, proving, drill);
    let outcome = running.until_asked_to_end().await;
    running.end().await;
    outcome.map(|()| ExitCode::SUCCESS)
}
