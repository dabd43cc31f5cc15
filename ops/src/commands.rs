//! One file per subcommand; the long ones stand beside this folder.

mod api;
mod archive;
mod audit;
mod bench;
mod claim;
mod contracts;
mod engine;
mod history;
mod key;
mod keygen;
mod postgres;
mod prover;
mod seal;
mod setup;
mod sign;
mod submit;
mod verify;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::cli::{
    BenchCommand, Cli, Command, ContractsCommand, DatabaseArguments, EpochCommand, SetupCommand,
};
use crate::output::Output;
use crate::{services, up};

/// Runs the chosen subcommand.
pub(crate) fn run(cli: Cli, output: &mut Output) -> anyhow::Result<ExitCode> {
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
        Command::Epoch(EpochCommand::Seal(arguments)) => wait_for(seal::run(&arguments, output)),
        Command::Key(command) => wait_for(key::run(&command, output)),
        Command::Contracts(ContractsCommand::Verifier(arguments)) => {
            wait_for(contracts::verifier(&arguments, output))
        }
    }
}

fn wait_for(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

async fn migrate(arguments: &DatabaseArguments) -> anyhow::Result<ExitCode> {
    services::migrate(&arguments.database_url).await?;
    Ok(ExitCode::SUCCESS)
}

fn log_to_stderr(cli: &Cli) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&cli.log)
        .map_err(|error| anyhow::anyhow!("--log {:?} is no log filter: {error}", cli.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if cli.log_json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}
