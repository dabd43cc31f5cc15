//! A chain with the contract, a database with the ledger, and rollups that post batches.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use domain::l1::{L1Event, L1Log};
use domain::{Asset, DomainId, DomainIdentity, EpochNumber, LiquidityState, RollupId};
use engine::l1::{L1, ProvenClaim};
use engine::{Config, Milestone, Observer, SealPolicy};
use ledger::{EpochStatus, Ledger, NewProof, PageLimit, Role};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::anvil::{Anvil, KEYS};
use crate::database::Database;
use crate::kept;
use crate::operator::Operator;

/// A chain with the contract, a database with the ledger, and rollups that post batches.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) anvil: Anvil,
    /// The operator's account: owner, depositor, claimant.
    pub(crate) l1: L1,
    pub(crate) identity: DomainIdentity,
    pub(crate) assets: Vec<Asset>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) ledger: Ledger,
    pub(crate) posting: Ledger,
}

impl World {
    /// Five rollups and two assets on L1; the ledger has adopted the domain and knows nothing else.
    pub(crate) async fn new() -> Self {
        let anvil = Anvil::start();
        let database = Database::new().await;
        let key = KEYS[0].parse().unwrap();
        let genesis = LiquidityState::genesis().digest();
        let (l1, deployment) =
            L1::deploy(&anvil.url, &key, DomainId::new(1), genesis, settler()).await.unwrap();
        let ether = l1.register_asset(Address::ZERO, 18, 9).await.unwrap().0;
        let token = l1.deploy_token("USD Coin", "USDC", 6).await.unwrap();
        let usdc = l1.register_asset(token, 6, 6).await.unwrap().0;
        l1.mint(token, l1.signer(), U256::from(1_000_000_000_u64)).await.unwrap();
        l1.approve(token, U256::MAX).await.unwrap();
        let operators: Vec<_> = (1..=5).map(Operator::new).collect();
        for operator in &operators {
            let rollup = l1.register_rollup(operator.public()).await.unwrap().0;
            assert_eq!(rollup, operator.rollup);
        }
        let url = &database.url;
        let ledger = Ledger::connect(url, Role::Engine, 8).await.unwrap();
        let posting = Ledger::connect(url, Role::Api, 4).await.unwrap();
        let identity = l1.identity().await.unwrap();
        engine::adopt(&ledger, &l1, deployment.l1_tx.block.number).await.unwrap();
        let assets = vec![ether, usdc];
        Self { database, anvil, l1, identity, assets, operators, ledger, posting }
    }

    /// Deposits ledger atoms for a rollup.
    pub(crate) async fn deposit(&self, rollup: u16, asset: usize, atoms: u128) {
        let asset = &self.assets[asset - 1];
        let token_atoms = asset.to_token_atoms(domain::Atoms::new(atoms).unwrap());
        self.l1.deposit(RollupId::new(rollup), asset, token_atoms).await.unwrap();
    }

    /// Posts the next batch of a rollup: transfers as (to, asset, atoms), exits as (asset, atoms).
    pub(crate) async fn post(
        &mut self,
        rollup: usize,
        transfers: &[(u16, u16, u128)],
        exits: &[(u16, u128)],
    ) {
        let word = self.identity.word();
        let batch = self.operators[rollup - 1].batch(word, transfers, exits);
        self.posting.post_batch(&batch).await.unwrap();
    }

    /// The engine's own account on L1.
    pub(crate) async fn engine_l1(&self) -> L1 {
        let key = KEYS[1].parse().unwrap();
        L1::connect(&self.anvil.url, self.l1.settlement(), &key).await.unwrap()
    }

    /// Lets so much time pass on L1 that anybody may settle.
    pub(crate) async fn outlast_the_grace(&self) {
        self.pass(GRACE).await;
    }

    /// Lets time pass on L1.
    pub(crate) async fn pass(&self, seconds: u64) {
        self.anvil.call("evm_increaseTime", serde_json::json!([seconds])).await;
        self.anvil.mine(1).await;
    }

    /// Starts an engine in this process.
    pub(crate) async fn engine(&self, config: Config) -> RunningEngine {
        self.engine_as(self.engine_l1().await, config)
    }

    /// Starts an engine with an account of its own.
    pub(crate) fn engine_as(&self, l1: L1, config: Config) -> RunningEngine {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let observer: Observer = {
            let seen = Arc::clone(&seen);
            Arc::new(move |milestone: &Milestone| seen.lock().unwrap().push(milestone.clone()))
        };
        let shutdown = CancellationToken::new();
        let engine =
            engine::run(config, self.ledger.clone(), l1, params(), observer, shutdown.clone());
        RunningEngine { task: tokio::spawn(engine), shutdown, seen }
    }

    /// Starts a prover in this process.
    pub(crate) async fn prover(&self) -> RunningEngine {
        let ledger = Ledger::connect(&self.database.url, Role::Prover, 8).await.unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let observer: Observer = {
            let seen = Arc::clone(&seen);
            Arc::new(move |milestone: &Milestone| seen.lock().unwrap().push(milestone.clone()))
        };
        let shutdown = CancellationToken::new();
        let poll = config(0).poll;
        let prover = engine::run_prover(poll, ledger, params(), observer, shutdown.clone());
        RunningEngine { task: tokio::spawn(prover), shutdown, seen }
    }

    /// Proves a sealed epoch in an engine's place, with a settlement proof that is made once for all tests.
    pub(crate) async fn prove(&self, epoch: EpochNumber) {
        let seal = self.ledger.sealed(epoch).await.unwrap().unwrap();
        let work = self.ledger.operations_of(epoch).await.unwrap();
        let (statement, proof) =
            kept::proven(self.identity, epoch, work.opening, work.operations).await;
        for (step, output) in (1..).zip(&statement.outputs) {
            self.ledger.record_step(epoch, step, output, None, seal.last_block).await.unwrap();
        }
        let steps = u32::try_from(statement.outputs.len()).unwrap();
        let bytes = proof.as_bytes().to_vec();
        let proof = NewProof { closing_digest: seal.closing_digest, steps, bytes };
        self.ledger.record_settlement_proof(epoch, &proof).await.unwrap();
    }

    /// Waits until an epoch is final, or panics with what is wrong.
    pub(crate) async fn await_final(&self, epoch: u64) {
        let began = Instant::now();
        loop {
            let row = self.ledger.epoch(EpochNumber::new(epoch)).await.unwrap();
            let status = row.map(|row| row.status);
            if matches!(status, Some(EpochStatus::Final)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "epoch {epoch} is still {status:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All logs of the contract that the ledger knows of.
    pub(crate) async fn logs(&self) -> Vec<L1Log> {
        let head = self.l1.head().await.unwrap();
        self.l1.logs(0, head.number).await.unwrap()
    }

    /// Claims every exit that is claimable, in one l1_tx.
    pub(crate) async fn claim_all(&self) -> usize {
        let claimable = self.ledger.claimable(PageLimit::MAX).await.unwrap();
        let mut claims = Vec::new();
        for exit in claimable {
            let (rollup, index) = (exit.claim.rollup, exit.claim.index);
            let data = self.ledger.claim_data(rollup, index).await.unwrap().unwrap();
            claims.push(ProvenClaim { epoch: data.epoch, claim: data.exit.claim, path: data.path });
        }
        self.l1.claim_many(&claims).await.unwrap().paid
    }

    /// EXACTLY_ONCE and FOUR_WAY: each L1 effect is there once, and ledger, contract and model agree.
    pub(crate) async fn check_books(&self, epochs: u64) {
        let logs = self.logs().await;
        let settled: Vec<_> = logs
            .iter()
            .filter_map(|log| match log.event {
                L1Event::EpochSettled { epoch, state_digest, books, .. } => {
                    Some((epoch, state_digest, books, log.id.tx_hash))
                }
                _ => None,
            })
            .collect();
        let numbers: Vec<_> = settled.iter().map(|(epoch, ..)| epoch.number()).collect();
        assert_eq!(numbers, (1..=epochs).collect::<Vec<_>>());
        let view = self.l1.latest().await.unwrap();
        for (epoch, state_digest, books, tx_hash) in &settled {
            let sealed = self.ledger.sealed(*epoch).await.unwrap().unwrap();
            assert_eq!(sealed.closing_digest, *state_digest);
            let submissions = self.ledger.submissions(*epoch).await.unwrap();
            let ours = submissions.iter().any(|submission| submission.tx_hash == *tx_hash);
            assert!(!ours || sealed.books == Some(*books), "our own settlement names our books");
            let logged = self.ledger.l1_settlement(*epoch).await.unwrap();
            assert!(logged.is_none_or(|logged| logged.books == Some(*books)));
        }
        for epoch in 1..=epochs {
            for cell in self.ledger.positions(EpochNumber::new(epoch)).await.unwrap() {
                let on_l1 = view.cell(cell.rollup, cell.asset).await.unwrap();
                let last = on_l1.last_epoch.map(EpochNumber::number);
                assert!(last > Some(epoch) || on_l1.balance == cell.balance);
            }
        }
        let claims = logs.iter().filter(|log| matches!(log.event, L1Event::ClaimPaid { .. }));
        let deposits = logs.iter().filter(|log| matches!(log.event, L1Event::Deposited { .. }));
        let totals = self.ledger.totals().await.unwrap();
        assert_eq!(totals.deposits, u64::try_from(deposits.count()).unwrap());
        assert_eq!(totals.claims_paid, u64::try_from(claims.count()).unwrap());
        for line in self.ledger.trial_balance().await.unwrap() {
            assert_eq!(line.debits, line.credits);
            let custody = view.custody(line.asset).await.unwrap();
            assert_eq!(line.custody, U256::from(custody.number()));
        }
        let report = ledger::audit::run(&self.ledger, &mut |_| {}).await.unwrap();
        assert_eq!(report.first_fault.map(|fault| fault.to_string()), None);
    }
}

/// An engine in this process, with what it has told.
pub(crate) struct RunningEngine {
    task: JoinHandle<Result<(), engine::Error>>,
    shutdown: CancellationToken,
    seen: Arc<Mutex<Vec<Milestone>>>,
}

impl RunningEngine {
    /// What it has told so far.
    pub(crate) fn seen(&self) -> Vec<Milestone> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for a milestone of that kind that `wanted` accepts.
    pub(crate) async fn await_milestone(&self, wanted: impl Fn(&Milestone) -> bool) {
        let began = Instant::now();
        while !self.seen().iter().any(&wanted) {
            assert!(began.elapsed() < PATIENCE, "only {:?}", self.seen());
            assert!(!self.task.is_finished(), "the engine ended after {:?}", self.seen());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops it and returns what it ended with.
    pub(crate) async fn stop(self) -> Result<(), engine::Error> {
        self.shutdown.cancel();
        self.task.await.unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), engine::Error> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("the engine goes on").unwrap()
    }
}

/// The contract's grace, in seconds.
pub(crate) const GRACE: u64 = 7 * 24 * 60 * 60;

/// The account that settles: the engines'.
pub(crate) fn settler() -> Address {
    let key: engine::l1::SignerKey = KEYS[1].parse().unwrap();
    key.address()
}

/// A configuration that seals by command alone.
pub(crate) fn config(confirmations: u64) -> Config {
    let seal = SealPolicy { every: Duration::from_hours(24), batches: 400 };
    Config { confirmations, seal, poll: Duration::from_millis(100), ..Config::development() }
}

/// The proving parameters, made by the first test that needs them.
pub(crate) fn params() -> folding::Params {
    let setup = folding::Setup::InsecureDevelopment;
    folding::Params::load_or_create(&params_folder(), &setup, &mut |_| {}).unwrap()
}

/// Where the parameters are kept.
pub(crate) fn params_folder() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../netfold-params");
    std::env::var_os("NETFOLD_PARAMS").map_or(kept, PathBuf::from)
}

/// The parameters are made within this time too, on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(10);
