//! A small world for tests: a database of its own, a domain on a made-up L1, rollups that sign.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, Claim, DomainId, DomainIdentity, EpochNumber, Exit,
    ExitTree, Height, L2Root, LiquidityState, RollupId, SigningKey, StepContext, StepOutput,
    Transfer, Word, plan_steps,
};
use ledger::{
    Adoption, BookedLogs, Error, Evicted, GasPrice, HeldDeposits, Ledger, NewProof, NewSettlement,
    NewSubmission, Posted, Role, SealReason, Sealed, SettlementFee,
};
use sqlx::PgPool;

pub(crate) const ONE: RollupId = RollupId::new(1);
pub(crate) const TWO: RollupId = RollupId::new(2);
pub(crate) const THREE: RollupId = RollupId::new(3);
pub(crate) const ETH: AssetId = AssetId::new(1);
pub(crate) const USDC: AssetId = AssetId::new(2);

/// Rollups one to three, ETH and USDC, each cell with 1,000 atoms of a deposit.
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) owner: Ledger,
    pub(crate) engine: Ledger,
    pub(crate) prover: Ledger,
    pub(crate) api: Ledger,
    pub(crate) read: Ledger,
    /// As the login, a superuser.
    pub(crate) raw: PgPool,
    l1: L1,
    chains: BTreeMap<RollupId, Chain>,
    /// Where a rollup was before the last batch that it made at a height.
    past: BTreeMap<(RollupId, Height), Chain>,
}

/// A made-up L1.
struct L1 {
    block: u64,
    txs: u64,
}

/// Where a rollup is.
#[derive(Clone)]
struct Chain {
    height: Height,
    root: L2Root,
    tree: ExitTree,
}

impl Chain {
    fn start() -> Self {
        Self { height: Height::FIRST, root: L2Root::UNSET, tree: ExitTree::empty() }
    }
}

/// Runs a test in a world of its own, which goes when the test ends, however it ends.
pub(crate) fn with_world<F, T>(test: F)
where
    F: FnOnce(World) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    with_schema(|url| async move { test(World::build(url).await).await });
}

/// Runs a test with a database of its own that has the schema.
pub(crate) fn with_schema<F, T>(test: F)
where
    F: FnOnce(String) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    with_new_database(true, test);
}

/// Runs a test with an empty database of its own.
pub(crate) fn with_database<F, T>(test: F)
where
    F: FnOnce(String) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    with_new_database(false, test);
}

fn with_new_database<F, T>(migrated: bool, test: F)
where
    F: FnOnce(String) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ledger_it_{}_{number}", std::process::id());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let server = server();
        let url = if migrated {
            ledger::database::create_migrated(&server, &name).await.unwrap()
        } else {
            ledger::database::create(&server, &name).await.unwrap()
        };
        let outcome = tokio::spawn(test(url)).await;
        ledger::database::remove(&server, &name).await.unwrap();
        if let Err(failed) = outcome {
            std::panic::resume_unwind(failed.into_panic());
        }
    });
}

/// The address of a database on the server, from which others can be created.
pub(crate) fn server() -> String {
    std::env::var("DATABASE_URL").expect(NO_SERVER)
}

pub(crate) fn atoms(number: u128) -> Atoms {
    Atoms::new(number).unwrap()
}

pub(crate) fn recipient(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

pub(crate) fn signing_key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup.number()).unwrap(); 32])
}

pub(crate) fn adoption() -> Adoption {
    Adoption {
        identity: DomainIdentity {
            chain_id: 31337,
            settlement: Address::repeat_byte(0x5e),
            domain_id: DomainId::new(1),
            verification_key_id: B256::repeat_byte(0x7e),
        },
        genesis_digest: LiquidityState::genesis().digest(),
        deployed_at_block: 1,
    }
}

pub(crate) fn to(rollup: RollupId, asset: AssetId, amount: u128) -> Transfer {
    Transfer { to: rollup, asset, atoms: atoms(amount), recipient: recipient(0xaa) }
}

pub(crate) fn out(asset: AssetId, amount: u128) -> Exit {
    Exit { asset, atoms: atoms(amount), recipient: recipient(0xbb) }
}

pub(crate) fn l1_block(number: u64) -> L1Block {
    L1Block {
        number,
        hash: B256::left_padding_from(&[&[0xb1], &number.to_be_bytes()[..]].concat()),
    }
}

impl World {
    pub(crate) async fn empty(url: String) -> Self {
        let connect = |role| Ledger::connect(&url, role, 20);
        Self {
            owner: connect(Role::Owner).await.unwrap(),
            engine: connect(Role::Engine).await.unwrap(),
            prover: connect(Role::Prover).await.unwrap(),
            api: connect(Role::Api).await.unwrap(),
            read: connect(Role::Read).await.unwrap(),
            raw: PgPool::connect(&url).await.unwrap(),
            url,
            l1: L1 { block: 0, txs: 0 },
            chains: BTreeMap::new(),
            past: BTreeMap::new(),
        }
    }

    pub(crate) async fn build(url: String) -> Self {
        let mut world = Self::empty(url).await;
        world.engine.adopt_domain(&adoption()).await.unwrap();
        let mut events = vec![
            L1Event::AssetRegistered(Asset::new(ETH, Address::ZERO, 18, 18).unwrap()),
            L1Event::AssetRegistered(Asset::new(USDC, Address::repeat_byte(2), 6, 6).unwrap()),
        ];
        for rollup in [ONE, TWO, THREE] {
            let key = signing_key(rollup).public();
            events.push(L1Event::RollupRegistered { rollup, key });
        }
        for rollup in [ONE, TWO, THREE] {
            for asset in [ETH, USDC] {
                events.push(deposit(rollup, asset, 1_000));
            }
        }
        world.record(events).await.unwrap();
        world
    }

    /// A log of the next l1_tx in the next L1 block.
    pub(crate) fn log(&mut self, event: L1Event) -> L1Log {
        self.l1.txs += 1;
        let tx_hash = B256::left_padding_from(&self.l1.txs.to_be_bytes());
        L1Log {
            id: L1LogId { tx_hash, log_index: self.l1.txs },
            block: l1_block(self.l1.block + 1),
            event,
        }
    }

    /// Books events as the logs of the next L1 block.
    pub(crate) async fn record(&mut self, events: Vec<L1Event>) -> Result<BookedLogs, Error> {
        let logs: Vec<L1Log> = events.into_iter().map(|event| self.log(event)).collect();
        let end = l1_block(self.l1.block + 1);
        let booked = self.engine.record_l1_block_range(&logs, end).await?;
        self.l1.block += 1;
        Ok(booked)
    }

    /// Books logs as all of the L1 blocks up to that one.
    pub(crate) async fn book(&mut self, logs: &[L1Log], end: u64) -> Result<BookedLogs, Error> {
        let booked = self.engine.record_l1_block_range(logs, l1_block(end)).await?;
        self.l1.block = end;
        Ok(booked)
    }

    /// A deposit's log in a later L1 block, of its own l1_tx.
    pub(crate) fn deposited(&mut self, deposit: L1Event, block: u64) -> L1Log {
        L1Log { block: l1_block(block), ..self.log(deposit) }
    }

    /// Has the holds be what these logs show.
    pub(crate) async fn see(&self, logs: &[L1Log], tip: u64) -> HeldDeposits {
        self.engine.hold_seen_deposits(logs, l1_block(tip)).await.unwrap()
    }

    pub(crate) fn l1_end(&self) -> L1Block {
        l1_block(self.l1.block)
    }

    /// The rollup's next batch, signed. Not posted.
    pub(crate) fn batch(
        &self,
        rollup: RollupId,
        transfers: Vec<Transfer>,
        exits: Vec<Exit>,
    ) -> Batch {
        self.batch_with(rollup, transfers, exits, |_| ())
    }

    /// The rollup's next batch with a change, signed afterwards.
    pub(crate) fn batch_with(
        &self,
        rollup: RollupId,
        transfers: Vec<Transfer>,
        exits: Vec<Exit>,
        change: impl FnOnce(&mut BatchParts),
    ) -> Batch {
        let chain = self.chain(rollup);
        let root = [&rollup.number().to_be_bytes()[..], &chain.height.number().to_be_bytes()];
        let mut parts = BatchParts {
            rollup,
            height: chain.height,
            previous_root: chain.root,
            new_root: L2Root::new(B256::left_padding_from(&root.concat())),
            exit_root: chain.tree.root(),
            lanes: Batch::sum_lanes(rollup, &transfers, &exits).unwrap(),
            transfers,
            exits,
            signature: signing_key(rollup).sign(Word::ZERO),
        };
        if let Ok(unsigned) = Batch::new(parts.clone()) {
            let grown = unsigned
                .claims(&chain.tree)
                .unwrap()
                .iter()
                .fold(chain.tree.clone(), |tree, claim| tree.append(claim.leaf()).unwrap());
            parts.exit_root = grown.root();
        }
        change(&mut parts);
        parts.signature = signing_key(rollup).sign(parts.digest(adoption().identity.word()));
        Batch::new(parts).unwrap()
    }

    /// Evicts a batch, as the one that cannot be proven.
    pub(crate) async fn evict(&self, batch: &Batch, reason: &str) -> Result<Vec<Evicted>, Error> {
        let digest = batch.digest(adoption().identity.word());
        self.engine.evict(batch.rollup(), batch.height(), digest, reason).await
    }

    /// Posts a batch; the rollup goes on from it.
    pub(crate) async fn post(&mut self, batch: &Batch) -> Posted {
        let posted = self.api.post_batch(batch).await.unwrap();
        self.advance(batch);
        posted
    }

    /// The rollup goes on from a batch.
    pub(crate) fn advance(&mut self, batch: &Batch) {
        let chain = self.chain(batch.rollup());
        self.past.insert((batch.rollup(), batch.height()), chain.clone());
        let chain = Chain {
            height: batch.height().next().unwrap(),
            root: batch.parts().new_root,
            tree: batch.continue_exit_tree(&chain.tree).unwrap(),
        };
        self.chains.insert(batch.rollup(), chain);
    }

    /// The rollup goes back to where it was at a height: its batches from there on were evicted.
    pub(crate) fn back_to(&mut self, batch: &Batch) {
        let rollup = batch.rollup();
        let first = Chain::start();
        let past = self.past.get(&(rollup, batch.height())).cloned().unwrap_or(first);
        self.chains.insert(rollup, past);
    }

    fn chain(&self, rollup: RollupId) -> Chain {
        self.chains.get(&rollup).cloned().unwrap_or(Chain::start())
    }

    pub(crate) async fn seal(&self) -> Sealed {
        self.engine.seal(SealReason::Command).await.unwrap().unwrap()
    }

    /// The outputs of an epoch's steps, as the reference model makes them.
    pub(crate) async fn outputs(&self, epoch: EpochNumber) -> Vec<StepOutput> {
        let of = self.prover.operations_of(epoch).await.unwrap();
        let context = StepContext { domain_word: adoption().identity.word(), epoch };
        let mut state = of.opening;
        let mut digest = Word::ZERO;
        let mut outputs = Vec::new();
        for step in plan_steps(&of.operations).unwrap() {
            let (next, output) = step.run(&state, context, digest).unwrap();
            digest = output.emission_digest;
            state = next;
            outputs.push(output);
        }
        assert_eq!(state.digest(), of.closing_digest);
        outputs
    }

    /// Takes a sealed epoch through its steps to both of its proofs.
    pub(crate) async fn prove(&self, epoch: EpochNumber) {
        let proof = self.fold(epoch).await;
        self.engine.record_settlement_proof(epoch, &proof).await.unwrap();
        self.engine.record_proof(epoch, &proof).await.unwrap();
    }

    /// Takes a sealed epoch through its steps; the proof is not recorded.
    pub(crate) async fn fold(&self, epoch: EpochNumber) -> NewProof {
        let outputs = self.outputs(epoch).await;
        let at = self.prover.sealed(epoch).await.unwrap().unwrap().last_block;
        for (step, output) in (1..).zip(&outputs) {
            self.engine.record_step(epoch, step, output, Some(b"checkpoint"), at).await.unwrap();
        }
        NewProof {
            closing_digest: outputs.last().unwrap().state_digest,
            steps: u32::try_from(outputs.len()).unwrap(),
            bytes: b"proof".to_vec(),
        }
    }

    /// Takes a proven epoch through a submission to its settlement.
    pub(crate) async fn settle(&self, epoch: EpochNumber) {
        let byte = u8::try_from(epoch.number()).unwrap();
        let submission = submission(byte, 0);
        self.engine.record_submission(epoch, &submission).await.unwrap();
        let settlement = self.settlement(epoch, submission.tx_hash).await;
        self.engine.record_settlement(epoch, &settlement).await.unwrap();
    }

    pub(crate) async fn settlement(&self, epoch: EpochNumber, tx_hash: B256) -> NewSettlement {
        let sealed = self.engine.sealed(epoch).await.unwrap().unwrap();
        NewSettlement {
            tx_hash,
            block: l1_block(1_000 + epoch.number()),
            gas_used: 900_000,
            state_digest: sealed.closing_digest,
            fee: Some(SettlementFee {
                payer: Address::repeat_byte(0x51),
                gas_price: GasPrice::new(1_000_000_007).unwrap(),
            }),
        }
    }

    /// The claims of a rollup's exits, in order.
    pub(crate) async fn claims(&self, rollup: RollupId) -> Vec<Claim> {
        let filter = ledger::ExitFilter { rollup: Some(rollup), ..Default::default() };
        let exits = self.read.exits(&filter, None, ledger::PageLimit::MAX).await.unwrap();
        exits.into_iter().rev().map(|exit| exit.claim).collect()
    }

    /// Lets go of the database.
    pub(crate) async fn close(&self) {
        for ledger in [&self.owner, &self.engine, &self.prover, &self.api, &self.read] {
            ledger.close().await;
        }
        self.raw.close().await;
    }

    /// Every row of every table, as text.
    pub(crate) async fn dump(&self) -> Vec<String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class
            where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
        )
        .fetch_all(&self.raw)
        .await
        .unwrap();
        let mut dump = Vec::new();
        for table in tables {
            let select = format!("select '{table} ' || t::text from {table} t order by 1");
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(select)).fetch_all(&self.raw).await.unwrap();
            dump.extend(rows);
        }
        dump
    }

    pub(crate) async fn audit(&self) -> ledger::AuditReport {
        ledger::audit::run(&self.read, &mut |_| ()).await.unwrap()
    }

    /// The audit finds nothing.
    pub(crate) async fn assert_clean(&self) {
        let report = self.audit().await;
        assert_eq!(report.first_fault, None);
        assert_eq!(report.drift, 0);
    }
}

pub(crate) fn deposit(rollup: RollupId, asset: AssetId, amount: u128) -> L1Event {
    L1Event::Deposited { rollup, asset, depositor: recipient(0xdd), atoms: atoms(amount) }
}

pub(crate) fn submission(byte: u8, nonce: u64) -> NewSubmission {
    NewSubmission {
        sender: recipient(0xee),
        nonce,
        tx_hash: B256::repeat_byte(byte),
        raw_tx: vec![2, byte],
    }
}

const NO_SERVER: &str = "DATABASE_URL names no Postgres server: run ops/test, or `netfold postgres \
    --state DIR -- cargo nextest run -p ledger`, which starts one for the tests";
