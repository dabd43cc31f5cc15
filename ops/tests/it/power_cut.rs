//! `kill -9` of a whole Postgres, again and again, while batches are booked in groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, ExitTree, Height, L2Root, RollupId, SigningKey,
    Transfer, Word,
};
use futures_util::future::join_all;
use ledger::{BatchFilter, BlockNumber, Error, Ledger, PageLimit, Role};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::adopted::adopt;
use crate::command::path;
use crate::server::Server;

/// How often the server is killed.
const ROUNDS: usize = 5;
/// How many batches are answered as booked in a round before it is.
const ANSWERED: usize = 40;
/// Batches of a rollup that are under way at once.
const AT_ONCE: usize = 8;
/// Batches of a rollup in all: more than are ever booked.
const CHAIN: usize = 400;

/// What was answered as booked is there after every restart, in its block; what was refused is not; what
/// nobody knows the outcome of is settled by posting it again; and in the end the audit finds nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let chains = begin(&server.url).await;
    // By rollup, the blocks of the batches that were answered as booked, in the order of their heights.
    let mut booked: BTreeMap<RollupId, Vec<BlockNumber>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let (tell, mut hear) = mpsc::unbounded_channel();
        let mut posters = JoinSet::new();
        for (rollup, chain) in &chains {
            let from = booked.get(rollup).map_or(0, Vec::len);
            let api = Ledger::connect(&server.url, Role::Api, 4).await.unwrap();
            posters.spawn(post(api, chain[from..].to_vec(), tell.clone()));
        }
        let mut told = Vec::new();
        while told.iter().filter(|one| matches!(one, Told::Booked(..))).count() < ANSWERED {
            told.push(hear.recv().await.unwrap());
        }
        kill(&server);
        posters.shutdown().await;
        while let Ok(last) = hear.try_recv() {
            told.push(last);
        }
        drop(server);
        server = Server::start(folder.path());
        let read = Ledger::connect(&server.url, Role::Read, 2).await.unwrap();
        let there = rows(&read).await;
        for one in told {
            match one {
                Told::Booked(rollup, height, block) => {
                    assert_eq!(there.get(&(rollup, height)), Some(&block));
                    booked.entry(rollup).or_default().push(block);
                }
                Told::Refused(rollup, height) => assert!(!there.contains_key(&(rollup, height))),
            }
        }
        resolve(&server.url, &chains, &mut booked, &there).await;
        read.close().await;
    }
    check(&server.url, &booked).await;
}

/// What a poster was told of a batch, if anything.
enum Told {
    Booked(RollupId, Height, BlockNumber),
    Refused(RollupId, Height),
}

/// Posts a chain, several batches at once, until the server is gone.
async fn post(api: Ledger, chain: Vec<Batch>, tell: mpsc::UnboundedSender<Told>) {
    // Alone at first: until its signer is known a batch may be overtaken by the next.
    let (first, others) = chain.split_at(1);
    for several in std::iter::once(first).chain(others.chunks(AT_ONCE)) {
        let posting = several.iter().map(async |batch| {
            let (rollup, height) = (batch.rollup(), batch.height());
            match api.post_batch(batch).await {
                Ok(posted) => tell.send(Told::Booked(rollup, height, posted.block)).unwrap(),
                Err(Error::Refused(_)) => tell.send(Told::Refused(rollup, height)).unwrap(),
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        });
        join_all(posting).await;
    }
}

/// Posts again what nobody knows the outcome of: what is there is answered as it was, and goes on from
/// there.
async fn resolve(
    url: &str,
    chains: &BTreeMap<RollupId, Vec<Batch>>,
    booked: &mut BTreeMap<RollupId, Vec<BlockNumber>>,
    there: &BTreeMap<(RollupId, Height), BlockNumber>,
) {
    let api = Ledger::connect(url, Role::Api, 2).await.unwrap();
    for (rollup, chain) in chains.iter().filter(|(rollup, _)| rollup.number() != BROKE) {
        let blocks = booked.entry(*rollup).or_default();
        for batch in &chain[blocks.len()..][..2 * AT_ONCE] {
            let posted = api.post_batch(batch).await.unwrap();
            let before = there.get(&(*rollup, batch.height()));
            assert!(before.is_none_or(|block| posted.replayed && *block == posted.block));
            blocks.push(posted.block);
        }
    }
    api.close().await;
}

/// Every batch is there once, in the block that was told, and nothing else; the audit finds nothing.
async fn check(url: &str, booked: &BTreeMap<RollupId, Vec<BlockNumber>>) {
    let read = Ledger::connect(url, Role::Read, 2).await.unwrap();
    let told: BTreeSet<_> = booked
        .iter()
        .flat_map(|(rollup, blocks)| {
            (0_u64..).zip(blocks).map(|(height, block)| (*rollup, Height::new(height), *block))
        })
        .collect();
    let there = rows(&read).await;
    assert_eq!(
        there
            .into_iter()
            .map(|((rollup, height), block)| (rollup, height, block))
            .collect::<BTreeSet<_>>(),
        told
    );
    let report = ledger::audit::run(&read, &mut |_| ()).await.unwrap();
    assert_eq!((report.drift, report.first_fault.map(|fault| fault.to_string())), (0, None));
    read.close().await;
}

/// The batches that are booked, and their blocks.
async fn rows(read: &Ledger) -> BTreeMap<(RollupId, Height), BlockNumber> {
    let mut rows = BTreeMap::new();
    for rollup in ROLLUPS.map(RollupId::new) {
        let filter = BatchFilter { rollup: Some(rollup), epoch: None };
        let mut before = None;
        loop {
            let page = read.batches(&filter, before, PageLimit::MAX).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.block);
            rows.extend(page.iter().map(|row| ((row.rollup, row.height), row.block)));
        }
    }
    rows
}

/// All processes of the server at once: it neither answers nor writes another byte.
fn kill(server: &Server) {
    let data = server.ask("show data_directory");
    let pid = fs::read_to_string(Path::new(&data).join("postmaster.pid")).unwrap();
    let postmaster = pid.lines().next().unwrap().trim();
    let mut processes = vec![postmaster.to_owned()];
    for entry in fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap().path();
        // `pid (name) state parent …`: the name has no brackets of its own here.
        let Ok(stat) = fs::read_to_string(entry.join("stat")) else { continue };
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        if parent == Some(postmaster) {
            processes.push(path(&entry).trim_start_matches("/proc/").to_owned());
        }
    }
    // One that has just ended of itself is no failure.
    Command::new("kill").arg("-9").args(&processes).status().unwrap();
    // A server that starts in its place asks whether it is gone: its parent has to have noticed.
    let stat = |pid: &str| fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    let is_over = |pid: &String| match stat(pid) {
        Ok(stat) => pid != postmaster && stat.contains(") Z "),
        Err(_) => true,
    };
    let began = Instant::now();
    while !processes.iter().all(is_over) {
        assert!(began.elapsed() < Duration::from_mins(1), "{processes:?} do not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The last one has nothing, so that each of its batches is refused.
const ROLLUPS: [u16; 4] = [1, 2, 3, BROKE];
const BROKE: u16 = 4;

/// A domain in which each rollup has plenty, and the batches that each will post.
async fn begin(url: &str) -> BTreeMap<RollupId, Vec<Batch>> {
    let (engine, word) = adopt(url).await;
    let asset = AssetId::new(1);
    let mut events =
        vec![L1Event::AssetRegistered(Asset::new(asset, Address::ZERO, 18, 18).unwrap())];
    for rollup in ROLLUPS.map(RollupId::new) {
        events.push(L1Event::RollupRegistered { rollup, key: key(rollup).public() });
    }
    for rollup in ROLLUPS.into_iter().filter(|rollup| *rollup != BROKE).map(RollupId::new) {
        let atoms = Atoms::new(1_000_000).unwrap();
        events.push(L1Event::Deposited { rollup, asset, depositor: Address::ZERO, atoms });
    }
    let block = L1Block { number: 1, hash: B256::repeat_byte(0xb1) };
    let logs: Vec<_> = (0..)
        .zip(events)
        .map(|(log_index, event)| L1Log {
            id: L1LogId { tx_hash: B256::repeat_byte(1), log_index },
            block,
            event,
        })
        .collect();
    engine.record_l1_block_range(&logs, block).await.unwrap();
    engine.close().await;
    ROLLUPS.map(RollupId::new).map(|rollup| (rollup, chain(rollup, word))).into()
}

fn key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup.number()).unwrap(); 32])
}

fn chain(rollup: RollupId, word: Word) -> Vec<Batch> {
    let (mut height, mut root) = (Height::FIRST, L2Root::UNSET);
    let to = RollupId::new(rollup.number() % 3 + 1);
    let batches = (0..CHAIN).map(|_| {
        let atoms = Atoms::new(1).unwrap();
        let transfers =
            vec![Transfer { to, asset: AssetId::new(1), atoms, recipient: Address::ZERO }];
        let id = [&rollup.number().to_be_bytes()[..], &height.number().to_be_bytes()].concat();
        let mut parts = BatchParts {
            rollup,
            height,
            previous_root: root,
            new_root: L2Root::new(B256::left_padding_from(&id)),
            exit_root: ExitTree::empty().root(),
            lanes: Batch::sum_lanes(rollup, &transfers, &[]).unwrap(),
            transfers,
            exits: Vec::new(),
            signature: key(rollup).sign(Word::ZERO),
        };
        parts.signature = key(rollup).sign(parts.digest(word));
        (height, root) = (height.next().unwrap(), parts.new_root);
        Batch::new(parts).unwrap()
    });
    batches.collect()
}
