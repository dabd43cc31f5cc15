//! The arguments of `netfold`.

mod archive;
mod audit;
mod bench;
mod epoch;
mod key;
mod prover;
mod rate;
mod registry;
mod trust;
mod webhook;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use archive::ArchiveArguments;
pub(crate) use audit::AuditArguments;
pub(crate) use bench::{
    BenchApiArguments, BenchCircuitArguments, BenchCommand, BenchLedgerArguments,
    BenchProofArguments,
};
pub(crate) use epoch::{
    EpochCommand, EpochListArguments, EpochShowArguments, ExitKitArguments, ReceiptArguments,
};
pub(crate) use key::{
    KeyAddArguments, KeyArguments, KeyCommand, KeyListArguments, KeyRevokeArguments, UrlArguments,
};
pub(crate) use prover::ProverArguments;
pub(crate) use rate::RateArguments;
pub(crate) use webhook::{
    WebhookAddArguments, WebhookArguments, WebhookCommand, WebhookListArguments,
    WebhookOneArguments,
};

pub(crate) use registry::{
    AssetAddArguments, AssetCommand, OwnerArguments, RegisterArguments, RegisteredArguments,
    RevokeArguments, RollupAddArguments, RollupCommand,
};
pub(crate) use trust::{CompletionsArguments, ConfigCommand, ConfigShowArguments, TrustArguments};

use crate::drill::CrashPoint;

/// Shared liquidity for rollups: signed batches in, one proof per epoch, one L1 settlement.
#[derive(Debug, Parser)]
#[command(name = "netfold", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What is logged to stderr: a level, or levels by module (`info,engine=debug`).
    #[arg(long, global = true, env = "NETFOLD_LOG", default_value = "warn", value_name = "FILTER")]
    pub(crate) log: String,
    /// Log as JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    /// A TOML file of options by their names, `[api]` and so on for those of one command. A flag goes before
    /// the environment, that before the file, that before the default.
    #[arg(long, global = true, env = "NETFOLD_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process: database, development L1, engine, api; run the scenario.
    Up(UpArguments),
    /// Serve the REST interface and the pages.
    Api(ApiArguments),
    /// Run the engine: watch L1, seal, prove, settle.
    Engine(EngineArguments),
    /// Fold and prove in a process of its own, for an engine with --no-prover.
    Prover(ProverArguments),
    /// Bring the database's roles and schema to this version.
    Migrate(DatabaseArguments),
    /// Make a settlement key for a rollup.
    Keygen(KeygenArguments),
    /// Sign a batch; the signed batch goes to stdout.
    Sign(SignArguments),
    /// Post a signed batch.
    Submit(SubmitArguments),
    /// Check a proof, a receipt or an exit-kit, and say what it proves; needs neither database nor network.
    Verify(VerifyArguments),
    /// Prove all settled epochs since an anchor in one file.
    History(HistoryArguments),
    /// Pay an exit on L1 to its recipient.
    Claim(ClaimArguments),
    /// Recompute everything from the journal, and compare it with L1.
    Audit(AuditArguments),
    /// Move the transfers of old epochs out of the database, into files that the journal proves.
    Archive(ArchiveArguments),
    /// Epochs.
    #[command(subcommand)]
    Epoch(EpochCommand),
    /// Download the receipt of a settled exit: one file that proves it.
    Receipt(ReceiptArguments),
    /// Rollups.
    #[command(subcommand)]
    Rollup(RollupCommand),
    /// Assets.
    #[command(subcommand)]
    Asset(AssetCommand),
    /// Print what has to be believed to rely on a deployment, as the deployment itself shows it.
    Trust(TrustArguments),
    /// Keys of the api.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Webhooks: who is told of events.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell.
    Completions(CompletionsArguments),
    /// The contracts' sources.
    #[command(subcommand)]
    Contracts(ContractsCommand),
    /// The powers of tau that proving rests on.
    #[command(subcommand)]
    Setup(SetupCommand),
    /// Measurements of this machine and this circuit.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Run a command with `DATABASE_URL` leading to an embedded Postgres; without one, just that.
    Postgres(PostgresArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContractsCommand {
    /// Make the verifier's constants from the verification key, as Solidity.
    Verifier(VerifierArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SetupCommand {
    /// Check a powers-of-tau file, or a folder of them, before anybody relies on it.
    Check(SetupCheckArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SetupCheckArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    /// Print what was found as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file or folder [default: that of --ptau-dir, else the development setup's].
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifierArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    /// Fail unless the file is what would be written.
    #[arg(long, requires = "file")]
    pub(crate) check: bool,
    /// The file to write [default: stdout].
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Where the state folder is.
#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// Folder of everything that is kept.
    #[arg(long, value_name = "DIR", env = "NETFOLD_STATE", default_value = ".netfold")]
    pub(crate) state: PathBuf,
}

/// Where the proving parameters are and what they are made from.
#[derive(Debug, Args)]
pub(crate) struct ParameterArguments {
    /// Folder of the proving parameters [default: params in the state folder].
    #[arg(long, value_name = "DIR", env = "NETFOLD_PARAMS")]
    pub(crate) params: Option<PathBuf>,
    /// Folder of powers-of-tau files; without it an insecure development setup is used.
    #[arg(long, value_name = "DIR", env = "NETFOLD_PTAU")]
    pub(crate) ptau_dir: Option<PathBuf>,
}

impl ParameterArguments {
    /// The parameters' folder, given the state folder.
    pub(crate) fn folder(&self, state: &std::path::Path) -> PathBuf {
        self.params.clone().unwrap_or_else(|| state.join("params"))
    }

    pub(crate) fn setup(&self) -> folding::Setup {
        match &self.ptau_dir {
            Some(folder) => folding::Setup::PowersOfTau(folder.clone()),
            None => folding::Setup::InsecureDevelopment,
        }
    }
}

/// How the embedded Postgres is found.
#[derive(Debug, Args)]
pub(crate) struct PostgresProgram {
    /// Folder with initdb and postgres [default: searched for].
    #[arg(long, value_name = "DIR", env = "NETFOLD_PG_BIN")]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// A database that is already there.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArguments {
    /// Address of the database, as its owner.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
}

/// A replica of the database.
#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// Address of a replica, to read there what is much: lists, statements, sums, the audit. If it does not
    /// answer, nothing is read elsewhere instead [default: the database itself].
    #[arg(long, value_name = "URL", env = "DATABASE_READ_URL", hide_env_values = true)]
    pub(crate) read_url: Option<String>,
}

/// How the embedded L1 is found, or which one is used instead.
#[derive(Debug, Args)]
pub(crate) struct L1Arguments {
    /// An L1 node to use instead of an embedded one.
    #[arg(long, value_name = "URL", env = "L1_RPC_URL", hide_env_values = true)]
    pub(crate) l1_rpc_url: Option<String>,
    /// The Settlement contract, on an L1 that has it [default: deployed, on a development chain].
    #[arg(long, value_name = "ADDRESS", env = "L1_SETTLEMENT")]
    pub(crate) settlement: Option<alloy_primitives::Address>,
    /// The block that the contract was deployed in.
    #[arg(long, value_name = "NUMBER", env = "L1_SETTLEMENT_BLOCK", default_value_t = 0)]
    pub(crate) settlement_block: u64,
    /// Private key of the account that settles [default: a public one, on a development chain].
    #[arg(long, value_name = "HEX", env = "L1_PRIVATE_KEY", hide_env_values = true)]
    pub(crate) l1_private_key: Option<String>,
    /// The program anvil [default: contracts/node_modules, then PATH].
    #[arg(long, value_name = "FILE", env = "NETFOLD_ANVIL_BIN")]
    pub(crate) anvil_bin: Option<PathBuf>,
    /// Port of the embedded L1; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) l1_port: u16,
}

/// When the engine seals and what it waits for.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArguments {
    /// Seconds after which an open epoch is sealed.
    #[arg(long, value_name = "SECONDS", env = "NETFOLD_SEAL_EVERY")]
    pub(crate) seal_every: Option<u64>,
    /// Number of batches at which an open epoch is sealed.
    #[arg(long, value_name = "NUMBER", env = "NETFOLD_SEAL_BATCHES")]
    pub(crate) seal_batches: Option<u64>,
    /// Blocks on top of an L1 block before it counts [default: 64; 0 on development chains].
    #[arg(long, value_name = "NUMBER", env = "NETFOLD_CONFIRMATIONS")]
    pub(crate) confirmations: Option<u64>,
    /// For drills: die as by `kill -9` right after a milestone, such as `Sent` or `Sealed:2`.
    #[arg(long, value_name = "MILESTONE", env = "NETFOLD_CRASH_AT", hide = true)]
    pub(crate) crash_at: Option<CrashPoint>,
}

impl ScheduleArguments {
    pub(crate) fn seal_every(&self) -> Option<Duration> {
        self.seal_every.map(Duration::from_secs)
    }
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// A database to use instead of an embedded one.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    #[command(flatten)]
    pub(crate) l1: L1Arguments,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArguments,
    /// Run the scenario in a fresh folder (`once` in the state folder), audit, and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// With --once: end with one JSON object on stdout.
    #[arg(long, requires = "once")]
    pub(crate) json: bool,
    /// Where the api listens [default: 127.0.0.1:8080; a free port with --once].
    #[arg(long, value_name = "ADDRESS", env = "NETFOLD_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) rate: RateArguments,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArguments,
    /// Where webhooks may be: `public` addresses by https, there and on this machine (`loopback`), or `any`
    /// address, those of private networks too.
    #[arg(long, value_name = "REACH", env = "NETFOLD_WEBHOOK_REACH", default_value = "loopback")]
    #[arg(value_parser = webhook::reach)]
    pub(crate) webhook_reach: api::Reach,
    /// Another scenario than the shipped one.
    #[arg(long, value_name = "FILE", conflicts_with = "no_scenario")]
    pub(crate) scenario: Option<PathBuf>,
    /// Start the parts and run no scenario.
    #[arg(long, conflicts_with = "once")]
    pub(crate) no_scenario: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApiArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", env = "NETFOLD_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    /// Who may ask for what: `public-read` wants a key for what writes, `keys` for everything but health,
    /// `open` for nothing, which is for development.
    #[arg(long, value_name = "MODE", env = "NETFOLD_ACCESS", default_value = "public-read")]
    #[arg(value_parser = key::access)]
    pub(crate) access: api::Access,
    #[command(flatten)]
    pub(crate) rate: RateArguments,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArguments,
    /// Where webhooks may be: `public` addresses by https, there and on this machine (`loopback`), or `any`
    /// address, those of private networks too.
    #[arg(long, value_name = "REACH", env = "NETFOLD_WEBHOOK_REACH", default_value = "public")]
    #[arg(value_parser = webhook::reach)]
    pub(crate) webhook_reach: api::Reach,
    /// The engine's schedule in seconds, shown on the page.
    #[arg(long, value_name = "SECONDS", env = "NETFOLD_SEAL_EVERY")]
    pub(crate) seal_every: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    #[command(flatten)]
    pub(crate) l1: L1Arguments,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArguments,
    /// Leave folding and proving to `netfold prover`; what it offers is verified before it is recorded.
    #[arg(long, env = "NETFOLD_NO_PROVER")]
    pub(crate) no_prover: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArguments {
    /// The new key file.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SignArguments {
    /// The rollup's key file.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// An api that tells the domain and fills in height, previous root and exit root.
    #[arg(long, value_name = "URL", env = "NETFOLD_URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) api_key: KeyArguments,
    /// Without an api: the domain's word.
    #[arg(long, value_name = "HEX", conflicts_with = "url")]
    pub(crate) domain_word: Option<String>,
    /// Without an api: the ledger decimals of an asset; may be repeated.
    #[arg(long, value_name = "ASSET=DECIMALS", conflicts_with = "url")]
    pub(crate) decimals: Vec<String>,
    /// The batch as JSON, without lanes and signature; - is stdin.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// The signed batch; - is stdin.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    /// Print the proven statement as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// An L1 node to ask whether the settlement that a receipt or an exit-kit names is really there.
    #[arg(long, value_name = "URL", env = "L1_RPC_URL", hide_env_values = true)]
    pub(crate) l1_rpc_url: Option<String>,
    /// The file: a proof, a receipt or an exit-kit; - is stdin.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// A database instead of the state folder's.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// The first epoch, the anchor [default: that of the checkpoint, else the first of all].
    #[arg(long, value_name = "EPOCH")]
    pub(crate) from: Option<u64>,
    /// The last epoch [default: the last that is settled on L1].
    #[arg(long, value_name = "EPOCH")]
    pub(crate) to: Option<u64>,
    /// Keep the fold here after each epoch, and go on from it the next time.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Print what is proven as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The proof file to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ClaimArguments {
    #[command(flatten)]
    pub(crate) url: UrlArguments,
    /// The L1 node.
    #[arg(long, value_name = "URL", env = "L1_RPC_URL", hide_env_values = true)]
    pub(crate) l1_rpc_url: String,
    /// Private key of the account that pays the gas.
    #[arg(long, value_name = "HEX", env = "L1_PRIVATE_KEY", hide_env_values = true)]
    pub(crate) l1_private_key: String,
    /// Claim from this exit-kit, without an api.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit: Option<PathBuf>,
    /// Claim every exit of the kit, some twenty in an l1_tx; those that are paid are skipped.
    #[arg(long, requires = "kit", conflicts_with_all = ["rollup", "index"])]
    pub(crate) all: bool,
    /// The rollup that the exit left.
    #[arg(required_unless_present = "all")]
    pub(crate) rollup: Option<u16>,
    /// The exit's number among the rollup's exits.
    #[arg(required_unless_present = "all")]
    pub(crate) index: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct PostgresArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) program: PostgresProgram,
    /// The command and its arguments.
    #[arg(last = true)]
    pub(crate) command: Vec<OsString>,
}

const EXIT_CODES: &str = "Exit codes: 0, the job is done; 1, it is not, and stderr says why and what to \
    do; 2, the arguments or the configuration file are wrong. `netfold audit` has 3 and 4, see there.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    /// The arguments contradict each other nowhere.
    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
