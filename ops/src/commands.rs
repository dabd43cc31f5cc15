//! One file per subcommand; the long ones stand beside this folder.

mod api;
mod archive;
mod audit;
mod bench;
mod claim;
mod completions;
mod config;
mod contracts;
mod engine;
mod epoch;
mod history;
mod key;
mod keygen;
mod postgres;
mod prover;
mod receipt;
mod registry;
mod setup;
mod sign;
mod submit;
mod trust;
mod verify;
mod webhook;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::cli::{
    BenchCommand, Cli, Command, ConfigCommand, ContractsCommand, DatabaseArguments, SetupCommand,
};
use crate::output::Output;
use crate::settings::Configured;
use crate::{services, up};

/// Runs the chosen subcommand.
pub(crate) fn run(
    cli: Cli,
    configured: &Configured,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    log_to_stderr(&cli)?;
    match cli.command {
        // These start processes, and a runtime only once those are there.
        Command::Up(arguments) => up::run(&arguments, output),
        Command::Audit(arguments) => audit::run(&arguments, output),
        Command::Archive(arguments) => archive::run(&arguments, output),
        Command::Postgres(arguments) => postgres::run(arguments, output),
        Command::Keygen(arguments) => keygen::run(&arguments, output),
        Command::Verify(arguments) => verify::run(&arguments, output),
        Command::History(arguments) => history::run(&arguments, output),
        Command::Setup(SetupCommand::Check(arguments)) => setup::check(&arguments, output),
        Command::Bench(BenchCommand::Circuit(arguments)) => bench::circuit(&arguments, output),
        Command::Bench(BenchCommand::Proof(arguments)) => bench::proof(&arguments, output),
        Command::Bench(BenchCommand::Ledger(arguments)) => bench::ledger(arguments, output),
        Command::Bench(BenchCommand::Api(arguments)) => bench::api(arguments, output),
        Command::Api(arguments) => wait_for(api::run(&arguments)),
        Command::Engine(arguments) => wait_for(engine::run(&arguments)),
        Command::Prover(arguments) => wait_for(prover::run(&arguments)),
        Command::Migrate(arguments) => wait_for(migrate(&arguments)),
        Command::Sign(arguments) => wait_for(sign::run(&arguments, output)),
        Command::Submit(arguments) => wait_for(submit::run(&arguments, output)),
        Command::Claim(arguments) => wait_for(claim::run(&arguments, output)),
        Command::Config(ConfigCommand::Show(arguments)) => {
            config::show(&arguments, configured, output)
        }
        Command::Completions(arguments) => completions::run(&arguments, output),
        Command::Epoch(command) => wait_for(epoch::run(&command, output)),
        Command::Receipt(arguments) => wait_for(receipt::run(&arguments, output)),
        Command::Rollup(command) => wait_for(registry::rollup(&command, output)),
        Command::Asset(command) => wait_for(registry::asset(&command, output)),
        Command::Trust(arguments) => wait_for(trust::run(&arguments, output)),
        Command::Key(command) => wait_for(key::run(&command, output)),
        Command::Webhook(command) => wait_for(webhook::run(&command, output)),
        Command::Contracts(ContractsCommand::Verifier(arguments)) => {
            wait_for(contracts::verifier(&arguments, output))
        }
    }
}

fn wait_for<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

async fn migrate(arguments: &DatabaseArguments) -> anyhow::Result<ExitCode> {
    services::migrate(&arguments.database_url).await?;
    Ok(ExitCode::SUCCESS)
}

fn log_to_stderr(cli: &Cli) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&cli.log)
        .map_err(|error| anyhow::anyhow!("--log {:?} is no log filter: {error}", cli.log))?;
    // A line that cannot be written would be complained of on stderr itself, by a panic if that is closed.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    if cli.log_json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}
