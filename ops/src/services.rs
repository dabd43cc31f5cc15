//! The engine and the api as running tasks.
//!
//! **Invariant**: a service that ends without being told to is an error of the whole process; one
//! that is told to gets time to finish what it is at.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use engine::l1::{L1, SignerKey};
use engine::{Config, Proving, SealPolicy};
use folding::Params;
use ledger::{Adoption, Ledger, Role};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::{L1Arguments, ParameterArguments, ScheduleArguments};
use crate::development::{self, Account, is_development_chain};
use crate::drill::{self, Drill};
use crate::progress::{Stage, say};

/// Running tasks.
#[derive(Debug)]
pub(crate) struct Services {
    stop: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<anyhow::Result<()>>)>,
}

impl Services {
    pub(crate) fn new() -> Self {
        Self { stop: CancellationToken::new(), tasks: Vec::new() }
    }

    /// Serves the api; returns the address that it really listens on.
    pub(crate) fn serve(
        &mut self,
        listener: TcpListener,
        ledger: Ledger,
        replica: Option<Ledger>,
        settings: api::Settings,
    ) -> anyhow::Result<SocketAddr> {
        let address = listener.local_addr()?;
        if settings.access == api::Access::Open {
            tracing::warn!(%address, "the api asks for no keys: whoever reaches it may do everything");
        }
        let state = match replica {
            Some(replica) => api::State::with_replica(ledger, replica, settings),
            None => api::State::new(ledger, settings),
        };
        let stop = self.stop.clone();
        let task = async move { Ok(api::serve(listener, state, stop.cancelled_owned()).await?) };
        self.tasks.push(("the api", tokio::spawn(task)));
        Ok(address)
    }

    /// Runs the engine.
    pub(crate) fn conduct(
        &mut self,
        ledger: Ledger,
        l1: L1,
        params: Params,
        schedule: &ScheduleArguments,
        proving: Proving,
        drill: Option<Drill>,
    ) {
        let config = Config { proving, ..config(schedule, l1.chain_id()) };
        let observer = drill::observer(drill);
        let stop = self.stop.clone();
        // Who leaves proving to others needs the keys that verify, and no more.
        if proving == Proving::Here {
            decode_early(&params);
        }
        let task =
            async move { Ok(engine::run(config, ledger, l1, params, observer, stop).await?) };
        self.tasks.push(("the engine", tokio::spawn(task)));
    }

    /// Folds and proves for an engine elsewhere.
    pub(crate) fn prove(&mut self, ledger: Ledger, params: Params) {
        decode_early(&params);
        let poll = Config::default().poll;
        let (observer, stop) = (drill::observer(None), self.stop.clone());
        let task =
            async move { Ok(engine::run_prover(poll, ledger, params, observer, stop).await?) };
        self.tasks.push(("the prover", tokio::spawn(task)));
    }

    /// Fails once a service has ended by itself.
    pub(crate) async fn check(&mut self) -> anyhow::Result<()> {
        let Some(ended) = self.tasks.iter().position(|(_, task)| task.is_finished()) else {
            return Ok(());
        };
        let (name, task) = self.tasks.swap_remove(ended);
        match task.await {
            Ok(Ok(())) => bail!("{name} ended"),
            Ok(Err(error)) => Err(error.context(format!("{name} ended"))),
            Err(error) => Err(anyhow::Error::new(error).context(format!("{name} ended"))),
        }
    }

    /// Waits for a signal, and fails if a service ends before it.
    pub(crate) async fn until_asked_to_end(&mut self) -> anyhow::Result<()> {
        let asked = asked_to_end();
        tokio::pin!(asked);
        loop {
            tokio::select! {
                asked = &mut asked => return asked,
                () = tokio::time::sleep(CHECK_EVERY) => self.check().await?,
            }
        }
    }

    /// Tells the services to end and waits for them, within bounds.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        for (name, task) in self.tasks {
            match tokio::time::timeout(END_PATIENCE, task).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => tracing::warn!(error = format!("{error:#}"), "{name} ended"),
                Ok(Err(error)) => tracing::warn!(%error, "{name} ended"),
                Err(_) => tracing::warn!("{name} was still busy; what it recorded stands"),
            }
        }
    }
}

/// Beside what goes on, so that no epoch waits for it, and other powers of tau than those of the keys are told
/// at once. It ends with the process.
fn decode_early(params: &Params) {
    let early = params.clone();
    std::thread::spawn(move || {
        if let Err(error) = early.decode() {
            tracing::error!(%error, "the proving parameters cannot be used");
        }
    });
}

/// Waits for Ctrl-C or for the end that a service manager asks for.
pub(crate) async fn asked_to_end() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Takes the api's address, before anything that takes minutes: a taken one is known at once.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("could not listen on {address}: end what listens there, or choose another --listen")
    })
}

/// Connects to the database in a role.
pub(crate) async fn connect(url: &str, role: Role) -> anyhow::Result<Ledger> {
    Ledger::connect(url, role, CONNECTIONS)
        .await
        .context("the database could not be used: check DATABASE_URL and its password")
}

/// The replica that is named, if one is. It need not answer yet.
pub(crate) fn replica(url: Option<&str>) -> anyhow::Result<Option<Ledger>> {
    let replica = url.map(|url| Ledger::replica(url, CONNECTIONS)).transpose();
    replica.context("the replica could not be used: check DATABASE_READ_URL")
}

/// Brings the schema up to date.
pub(crate) async fn migrate(url: &str) -> anyhow::Result<()> {
    Ledger::migrate(url)
        .await
        .context("the database could not be migrated: check DATABASE_URL and its password")
}

/// The drill that was asked for: refused before anything is touched if the chain is a real one.
pub(crate) async fn drill(
    schedule: &ScheduleArguments,
    rpc_url: &str,
) -> anyhow::Result<Option<Drill>> {
    let Some(point) = schedule.crash_at.clone() else { return Ok(None) };
    Drill::on_chain(point, L1::chain_id_at(rpc_url).await?).map(Some)
}

/// The ledger's domain: the recorded one, a named contract, or, on a development chain, a new one.
pub(crate) async fn adopt(
    ledger: &Ledger,
    rpc_url: &str,
    arguments: &L1Arguments,
) -> anyhow::Result<Adoption> {
    if let Some(recorded) = ledger.domain().await? {
        return Ok(recorded);
    }
    if let Some(settlement) = arguments.settlement {
        let key = reading_key(arguments)?;
        let l1 = L1::connect(rpc_url, settlement, &key).await?;
        return Ok(engine::adopt(ledger, &l1, arguments.settlement_block).await?);
    }
    let stage = Stage::begin("Deploying the contract on the development L1");
    let adoption = development::deploy(rpc_url).await.context(
        "name a deployed contract with --settlement, unless this is a fresh development chain",
    )?;
    ledger.adopt_domain(&adoption).await?;
    stage.done(format!("Contract {} deployed", adoption.identity.settlement));
    Ok(adoption)
}

/// The contract, through the account that settles.
pub(crate) async fn settling_l1(
    adoption: &Adoption,
    rpc_url: &str,
    arguments: &L1Arguments,
) -> anyhow::Result<L1> {
    let chain_id = adoption.identity.chain_id;
    let key = match &arguments.l1_private_key {
        Some(key) => key.parse()?,
        None if is_development_chain(chain_id) => Account::Engine.key()?,
        None => bail!("chain {chain_id} is no development chain: set L1_PRIVATE_KEY"),
    };
    connect_l1(adoption, rpc_url, &key).await
}

/// The contract, through any account.
pub(crate) async fn connect_l1(
    adoption: &Adoption,
    rpc_url: &str,
    key: &SignerKey,
) -> anyhow::Result<L1> {
    Ok(L1::connect_recorded(rpc_url, &adoption.identity, key).await?)
}

/// A key for a connection that only reads: it signs nothing.
pub(crate) fn reading_key(arguments: &L1Arguments) -> anyhow::Result<SignerKey> {
    match &arguments.l1_private_key {
        Some(key) => Ok(key.parse()?),
        None => Account::Claimant.key(),
    }
}

/// The proving parameters, made on first use.
pub(crate) async fn parameters(
    arguments: &ParameterArguments,
    folder: std::path::PathBuf,
) -> anyhow::Result<Params> {
    let setup = arguments.setup();
    let shown = folder.display().to_string();
    let making = tokio::task::spawn_blocking(move || {
        let stage = Stage::of("Proving parameters", 100);
        let mut show = |progress: folding::SetupProgress| {
            stage.at(format!("Proving parameters: {}", progress.stage));
            stage.reach(percent(progress.fraction));
        };
        let params = Params::load_or_create(&folder, &setup, &mut show)?;
        stage.done("Proving parameters are ready");
        Ok::<_, folding::Error>(params)
    });
    let params = making.await?.with_context(|| format!("the proving parameters in {shown}"))?;
    if params.key_id().is_insecure() {
        say("The proving parameters are of an insecure development setup.");
    }
    Ok(params)
}

/// A fraction as whole percents.
#[expect(clippy::float_arithmetic, reason = "for a progress bar, where rounding does no harm")]
fn percent(fraction: f64) -> usize {
    let reached = (1..=100_u8).take_while(|percent| f64::from(*percent) <= fraction * 100.0);
    reached.count()
}

fn config(schedule: &ScheduleArguments, chain_id: u64) -> Config {
    let base =
        if is_development_chain(chain_id) { Config::development() } else { Config::default() };
    let seal = SealPolicy {
        every: schedule.seal_every().unwrap_or(base.seal.every),
        batches: schedule.seal_batches.unwrap_or(base.seal.batches),
    };
    let confirmations = schedule.confirmations.unwrap_or(base.confirmations);
    Config { seal, confirmations, ..base }
}

const CHECK_EVERY: Duration = Duration::from_millis(500);
/// Of each role; the embedded server allows 200 in all.
const CONNECTIONS: u32 = 16;
/// One step may be folding, requests may be running.
const END_PATIENCE: Duration = Duration::from_secs(20);
