//! `netfold up`: everything in one process.
//!
//! **Invariant**: whatever it starts it also ends, in the order services, L1, database, so that the
//! last thing written is written; and each part is found as it was left by the start before.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use engine::l1::L1;
use ledger::{Adoption, Role};

use crate::audit;
use crate::cli::UpArguments;
use crate::client::Client;
use crate::development::{self, Account};
use crate::drive::{Drive, Driven};
use crate::finish;
use crate::keys;
use crate::output::Output;
use crate::parts::{Database, Node};
use crate::progress::{say, tell};
use crate::running::Running;
use crate::scenario::Scenario;
use crate::scenario::sign::Operators;
use crate::services::{self, Services};
use crate::state_folder::StateFolder;
use crate::summary::{Details, Summary, table};

/// A running cluster, seen from its own process.
struct Cluster<'a> {
    arguments: &'a UpArguments,
    state: &'a StateFolder,
    params: PathBuf,
    adoption: Adoption,
    running: Running,
    began: Instant,
}

pub(crate) fn run(arguments: &UpArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let kept = StateFolder::open(&arguments.state.state)?;
    let params = arguments.parameters.folder(kept.path());
    // A single run has a folder of its own, so that it never touches what another start keeps.
    let fresh = arguments.once.then(|| kept.fresh_run()).transpose()?;
    let state = fresh.as_ref().unwrap_or(&kept);
    let mut database =
        Database::start(arguments.database_url.clone(), &arguments.program, state.postgres())?;
    let mut node = Node::start(&arguments.l1, state.l1())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let mut services = Services::new();
        let up = Up { arguments, state, params, began };
        let outcome = up.run(&mut services, &mut database, &mut node, output).await;
        Running::clear(state.path());
        services.end().await;
        outcome
    });
    // A step that is just folding is left: its epoch goes on from the last checkpoint.
    runtime.shutdown_timeout(Duration::from_secs(1));
    node.stop()?;
    database.stop()?;
    outcome
}

/// What is to be brought up.
struct Up<'a> {
    arguments: &'a UpArguments,
    state: &'a StateFolder,
    params: PathBuf,
    began: Instant,
}

impl<'a> Up<'a> {
    async fn run(
        self,
        services: &mut Services,
        database: &mut Database,
        node: &mut Node,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let (database_url, l1_rpc_url) = (database.url(), node.url());
        let start = self.start(services, &database_url, &l1_rpc_url);
        let cluster = tokio::select! {
            started = start => started?,
            asked = services::asked_to_end() => return asked.map(|()| ExitCode::SUCCESS),
        };
        tokio::select! {
            done = cluster.work(output) => done,
            fault = watch(services, database, node) => fault,
            asked = services::asked_to_end() => asked.map(|()| ExitCode::SUCCESS),
        }
    }

    async fn start(
        self,
        services: &mut Services,
        database_url: &str,
        l1_rpc_url: &str,
    ) -> anyhow::Result<Cluster<'a>> {
        let Self { arguments, state, params: folder, began } = self;
        let port = if arguments.once { 0 } else { DEFAULT_PORT };
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = services::listen(arguments.listen.unwrap_or(default)).await?;
        let drill = services::drill(&arguments.schedule, l1_rpc_url).await?;
        services::migrate(database_url).await?;
        let ledger = services::connect(database_url, Role::Engine).await?;
        let adoption = services::adopt(&ledger, l1_rpc_url, &arguments.l1).await?;
        let l1 = services::settling_l1(&adoption, l1_rpc_url, &arguments.l1).await?;
        let params = services::parameters(&arguments.parameters, folder.clone()).await?;
        services.conduct(ledger, l1, params, &arguments.schedule, engine::Proving::Here, drill);
        let api = services::connect(database_url, Role::Api).await?;
        // For development, where whoever reaches it may try everything; batches are signed all the same.
        let access = api::Access::Open;
        let seal_every = arguments.schedule.seal_every();
        let rate = arguments.rate.limits();
        let make = || keys::secret_or_generate(&state.keys().join("webhook.secret"));
        let webhooks = Some(arguments.webhooks.settings_or(make, arguments.webhook_reach)?);
        let settings = api::Settings { access, rate, webhooks, seal_every, ..Default::default() };
        let address = services.serve(listener, api, None, settings)?;
        let running = Running {
            database_url: database_url.to_owned(),
            l1_rpc_url: l1_rpc_url.to_owned(),
            url: format!("http://{address}"),
        };
        running.leave(state.path())?;
        say(format_args!("The page is at {}", running.url));
        Ok(Cluster { arguments, state, params: folder, adoption, running, began })
    }
}

impl Cluster<'_> {
    async fn work(&self, output: &mut Output) -> anyhow::Result<ExitCode> {
        if !self.arguments.no_scenario {
            let scenario = match &self.arguments.scenario {
                Some(file) => Scenario::load(file)?,
                None => Scenario::shipped()?,
            };
            let driven = self.drive(&scenario).await?;
            if self.arguments.once {
                return self.conclude(&scenario, driven, output).await;
            }
        }
        output.line(&self.running.url)?;
        say("Everything runs. Ctrl-C ends it; the next start goes on from here.");
        std::future::pending().await
    }

    async fn drive(&self, scenario: &Scenario) -> anyhow::Result<Driven> {
        let owner = self.l1_as(Account::Owner).await?;
        let (assets, keys) = development::register(&owner, scenario, &self.state.keys()).await?;
        say(format_args!("{} assets and {} rollups are registered", assets.len(), keys.len()));
        let mut depositors = Vec::new();
        for number in 0..scenario.depositors() {
            depositors.push(self.l1_as(Account::Depositor(number)).await?);
        }
        let mut drive = Drive {
            ledger: services::connect(&self.running.database_url, Role::Read).await?,
            client: Client::new(&self.running.url)?,
            assets,
            operators: Operators::new(self.adoption.identity.word(), keys),
            depositors,
            claimant: self.l1_as(Account::Claimant).await?,
        };
        drive.run(scenario.plan()?).await
    }

    /// Writes and verifies the proofs, audits, and says what it all came to.
    async fn conclude(
        &self,
        scenario: &Scenario,
        driven: Driven,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let ledger = services::connect(&self.running.database_url, Role::Read).await?;
        finish::await_aggregated(&ledger).await?;
        let epochs = finish::settled_epochs(&ledger).await?;
        let files = finish::write_proofs(&ledger, &epochs, &self.state.proofs()).await?;
        let params = self.params.clone();
        let verify = move || finish::verify_in_fresh_processes(&files, &params);
        let verified = tokio::task::spawn_blocking(verify).await??;
        let l1 = self.l1_as(Account::Claimant).await?;
        let audit = audit::run(&ledger, Some(&l1), &audit::Options::default()).await?;
        let (mut summary, mut details): (Summary, Details) =
            finish::summarise(&ledger, scenario, &epochs).await?;
        summary.proofs_verified = verified;
        summary.drift = audit.drift();
        summary.seconds = self.began.elapsed().as_secs();
        details.other_l1_txs = driven.l1_txs;
        details.other_gas = driven.gas;
        for fault in audit.faults() {
            say(format_args!("AUDIT: {fault}"));
        }
        if self.arguments.json {
            tell(format_args!("\n{}\n", table(&summary, &details)));
            output.json(&summary)?;
        } else {
            output.line(table(&summary, &details))?;
        }
        Ok(if summary.drift == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn l1_as(&self, account: Account) -> anyhow::Result<L1> {
        let key = account.key()?;
        services::connect_l1(&self.adoption, &self.running.l1_rpc_url, &key)
            .await
            .context("the scenario needs a development chain with its public accounts")
    }
}

/// Returns only with what has gone wrong.
async fn watch(
    services: &mut Services,
    database: &mut Database,
    node: &mut Node,
) -> anyhow::Result<ExitCode> {
    loop {
        // The database first: without it the services fail too, and less clearly.
        database.check()?;
        node.check()?;
        services.check().await?;
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

const DEFAULT_PORT: u16 = 8080;
const WATCH_EVERY: Duration = Duration::from_millis(500);
