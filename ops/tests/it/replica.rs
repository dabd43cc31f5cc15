//! Reading from a real streaming replica, on this machine.

use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, ExitTree, Height, L2Root, RollupId, SigningKey,
    Transfer, Word,
};
use ledger::{Ledger, Role};
use serde_json::Value;

use crate::adopted::adopt;
use crate::command::{last_json, netfold, path, succeed};
use crate::server::Server;

const ETH: AssetId = AssetId::new(1);
const ONE: RollupId = RollupId::new(1);
const TWO: RollupId = RollupId::new(2);

/// A domain of two rollups, of which the first posts.
struct World {
    engine: Ledger,
    posting: Ledger,
    word: Word,
    height: Height,
    root: L2Root,
    url: String,
}

/// An answer of the api.
struct Answer {
    status: u16,
    journal_block: Option<u64>,
    body: Value,
}

/// Lists, sums and the audit come from the replica and say how far it is, whatever has been posted since;
/// what is read by its name is as it is. When the replica is gone nothing stands in for it, readiness
/// says so, and posting goes on.
#[test]
fn what_is_much_is_read_from_the_replica() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let primary = Server::start(&folder.path().join("primary"));
    let replica = replicate(&primary, &folder.path().join("replica"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut world = World::new(&primary.url, &replica.url).await;
        let last = world.caught_up().await;
        let listed = world.get("/v1/transfers").await;
        assert_eq!((listed.status, listed.journal_block), (200, Some(last)));

        replica.ask("select pg_wal_replay_pause()");
        let began = Instant::now();
        while replica.ask("select pg_get_wal_replay_pause_state()") != "paused" {
            assert!(began.elapsed() < PATIENCE, "the replica does not pause");
        }
        let block = world.post().await;
        assert_eq!(block, last + 1);
        let listed = world.get("/v1/transfers?rollup=1&height=0").await;
        assert_eq!((listed.journal_block, items(&listed.body)), (Some(last), 0));
        let books = world.get("/v1/trial-balance").await.body;
        assert_eq!(books["journal_head"]["block"], last);
        let early = world.get(&format!("/v1/accounts?as_of=block:{block}")).await;
        assert_eq!((early.status, early.body["code"].as_str()), (409, Some("as_of_not_reached")));
        let named = world.get(&format!("/v1/transfers/{block}-0")).await;
        assert_eq!((named.status, named.journal_block), (200, None));
        let ready = world.get("/v1/ready").await.body;
        assert_eq!(ready["replica"]["blocks_behind"], 1, "{ready}");

        replica.ask("select pg_wal_replay_resume()");
        assert_eq!(world.caught_up().await, block);
        let listed = world.get("/v1/transfers?rollup=1&height=0").await;
        assert_eq!((listed.journal_block, items(&listed.body)), (Some(block), 1));
        check_audit(&primary.url, &replica.url, block);

        drop(replica);
        let began = Instant::now();
        while world.get("/v1/ready").await.status == 200 {
            assert!(began.elapsed() < PATIENCE, "the replica goes on");
        }
        for place in ["/v1/transfers", "/v1/ready", "/v1/flows"] {
            let refused = world.get(place).await;
            let code = refused.body["code"].as_str();
            assert_eq!((refused.status, code), (503, Some("replica_unavailable")), "{place}");
        }
        assert_eq!(world.post().await, block + 1);
        assert_eq!(world.get(&format!("/v1/transfers/{}-0", block + 1)).await.status, 200);
    });
}

/// A replica of the server, in a folder of its own.
fn replicate(primary: &Server, state: &Path) -> Server {
    std::fs::write(primary.ask("show hba_file"), "local all,replication all trust\n").unwrap();
    primary.ask("select pg_reload_conf()");
    let home = state.join("postgres");
    std::fs::create_dir_all(&home).unwrap();
    // Postgres' own user makes the copy, as it runs the server.
    let owner = std::fs::metadata(primary.ask("show data_directory")).unwrap();
    lchown(&home, Some(owner.uid()), Some(owner.gid())).unwrap();
    let programs = primary.ask("select setting from pg_config() where name = 'BINDIR'");
    let socket = primary.ask("show unix_socket_directories");
    let mut copy = Command::new(Path::new(&programs).join("pg_basebackup"));
    copy.args(["--host", &socket, "--username", "netfold", "--write-recovery-conf"]);
    copy.args(["--checkpoint", "fast", "--pgdata", path(&home.join("data"))]);
    copy.current_dir("/");
    if std::fs::metadata("/proc/self").unwrap().uid() != owner.uid() {
        copy.uid(owner.uid()).gid(owner.gid());
    }
    let began = Instant::now();
    loop {
        let output = copy.output().unwrap();
        if output.status.success() {
            break;
        }
        // The rules are read a moment after they are asked for.
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(began.elapsed() < PATIENCE, "pg_basebackup: {said}");
    }
    Server::start(state)
}

/// The audit reads the replica, though the database is named, too.
fn check_audit(database: &str, replica: &str, blocks: u64) {
    let mut audit = netfold(&["audit", "--ledger-only", "--json"]);
    // A database that could not be read shows that it is not.
    let elsewhere = database.replace("/netfold?", "/nowhere?");
    audit.env("DATABASE_URL", elsewhere).env("DATABASE_READ_URL", replica);
    let found = last_json(&succeed(&mut audit));
    assert_eq!((&found["blocks"], &found["drift"]), (&blocks.into(), &0.into()));
}

fn items(body: &Value) -> usize {
    body["items"].as_array().unwrap().len()
}

impl World {
    async fn new(database: &str, replica: &str) -> Self {
        let (engine, word) = adopt(database).await;
        let posting = Ledger::connect(database, Role::Api, 4).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replica = Ledger::replica(replica, 4).unwrap();
        let settings = api::Settings { access: api::Access::Open, ..Default::default() };
        let state = api::State::with_replica(posting.clone(), replica, settings);
        tokio::spawn(api::serve(listener, state, std::future::pending()));
        let (height, root) = (Height::FIRST, L2Root::UNSET);
        let made = Self { engine, posting, word, height, root, url };
        made.register().await;
        made
    }

    async fn register(&self) {
        let mut events =
            vec![L1Event::AssetRegistered(Asset::new(ETH, Address::ZERO, 18, 18).unwrap())];
        for rollup in [ONE, TWO] {
            let key = key(rollup).public();
            events.push(L1Event::RollupRegistered { rollup, key });
        }
        let atoms = Atoms::new(1_000).unwrap();
        let depositor = Address::repeat_byte(0xdd);
        events.push(L1Event::Deposited { rollup: ONE, asset: ETH, depositor, atoms });
        let block = L1Block { number: 1, hash: B256::repeat_byte(1) };
        let logs: Vec<L1Log> = (0..)
            .zip(events)
            .map(|(log_index, event)| {
                let tx_hash = B256::repeat_byte(2);
                L1Log { id: L1LogId { tx_hash, log_index }, block, event }
            })
            .collect();
        self.engine.record_l1_block_range(&logs, block).await.unwrap();
    }

    /// Posts the first rollup's next batch, of one transfer, and tells its block.
    async fn post(&mut self) -> u64 {
        let atoms = Atoms::new(1).unwrap();
        let transfers =
            vec![Transfer { to: TWO, asset: ETH, atoms, recipient: Address::repeat_byte(1) }];
        let mut parts = BatchParts {
            rollup: ONE,
            height: self.height,
            previous_root: self.root,
            new_root: L2Root::new(B256::left_padding_from(&[
                0xb0,
                u8::from(self.height == Height::FIRST),
            ])),
            exit_root: ExitTree::empty().root(),
            lanes: Batch::sum_lanes(ONE, &transfers, &[]).unwrap(),
            transfers,
            exits: Vec::new(),
            signature: key(ONE).sign(Word::ZERO),
        };
        parts.signature = key(ONE).sign(parts.digest(self.word));
        self.root = parts.new_root;
        self.height = self.height.next().unwrap();
        let posted = self.posting.post_batch(&Batch::new(parts).unwrap()).await.unwrap();
        posted.block.number()
    }

    /// Waits until the replica has all, and tells the last block.
    async fn caught_up(&self) -> u64 {
        let began = Instant::now();
        loop {
            let ready = self.get("/v1/ready").await;
            if ready.status == 200 && ready.body["replica"]["blocks_behind"] == 0 {
                return ready.body["replica"]["journal_block"].as_u64().unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "{}", ready.body);
        }
    }

    async fn get(&self, place: &str) -> Answer {
        let answer = reqwest::get(format!("{}{place}", self.url)).await.unwrap();
        let block = answer.headers().get("journal-block");
        Answer {
            status: answer.status().as_u16(),
            journal_block: block.map(|block| block.to_str().unwrap().parse().unwrap()),
            body: answer.json().await.unwrap(),
        }
    }
}

fn key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup.number()).unwrap(); 32])
}

const PATIENCE: Duration = Duration::from_mins(1);
