//! `netfold audit` on ledgers without a cluster: dumps, checkpoints, exit codes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, ExitTree, Height, L2Root, RollupId, SigningKey,
    Transfer, Word,
};
use ledger::{Ledger, Role, SealReason};

use crate::adopted::adopt;
use crate::command::{fail, last_json, netfold, path, said, succeed};
use crate::server::Server;

/// A dump of a ledger is audited as the ledger is, whatever its form; one that was altered names its
/// row, and what is no dump of a ledger is refused by name.
#[test]
fn a_dump_is_audited() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("state"));
    let file = |name: &str| folder.path().join(name);
    let dump = |format: &str, to: &Path| {
        let mut dump = Command::new("pg_dump");
        succeed(dump.args(["--no-password", format, "--file", path(to), &server.url]));
    };
    let empty = file("empty.sql");
    dump("-Fp", &empty);
    let refused = fail(netfold(&["audit", "--dump", path(&empty)]).arg("--ledger-only"));
    assert!(refused.contains("holds no ledger of netfold"), "{refused}");
    server.ask("create role reporting");
    fill(&server.url);
    server.ask("grant select on transfer to reporting");
    let whole = file("whole.dump");
    dump("-Fc", &whole);
    let found = last_json(&succeed(&mut netfold(&["audit", "--json", "--dump", path(&whole)])));
    assert_eq!((&found["drift"], &found["blocks"]), (&0.into(), &8.into()), "{found}");
    assert_eq!(found["dump_sha256"].as_str().unwrap().len(), 64, "{found}");
    server.ask(
        "alter table transfer disable trigger all; \
        update transfer set atoms = atoms + 1 where block_number = 8 and position = 1",
    );
    let altered = file("altered");
    dump("-Fd", &altered);
    let output = netfold(&["audit", "--dump", path(&altered)]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{:?}", said(&output));
    let told = said(&output).0;
    assert!(told.contains("FAULT: transfer 8-1 is not what the hash chain covers"), "{told}");
    let newer = file("newer.sql");
    let head = "--\n-- PostgreSQL database dump\n--\n-- Dumped from database version 99.1\n";
    std::fs::write(&newer, head).unwrap();
    let refused = fail(&mut netfold(&["audit", "--dump", path(&newer)]));
    assert!(refused.contains("is of PostgreSQL 99"), "{refused}");
    let refused = fail(&mut netfold(&["audit", "--dump", "/dev/null"]));
    assert!(refused.contains("is no dump of one database"), "{refused}");
}

/// The books come back from a backup, as `docs/operations.md` says, in another cluster: nothing drifts, and they are as
/// append-only there as they were.
#[test]
fn a_backup_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let old = Server::start(&folder.path().join("old"));
    fill(&old.url);
    let (books, roles) = (file("books.dump"), file("roles.sql"));
    succeed(Command::new("pg_dump").args(["--format=custom", "--file", &books, &old.url]));
    let mut dump_roles = Command::new("pg_dumpall");
    dump_roles.args([
        "--roles-only",
        "--no-role-passwords",
        "--file",
        &roles,
        "--dbname",
        &old.url,
    ]);
    succeed(&mut dump_roles);
    let head = "select block_number, block_hash from journal_block order by 1 desc limit 1";
    let before = old.ask(head);
    drop(old);
    let new = Server::start(&folder.path().join("new"));
    succeed(Command::new("psql").args(["--quiet", "--dbname", &new.url, "--file", &roles]));
    let mut restore = Command::new("pg_restore");
    succeed(restore.args(["--exit-on-error", "--dbname", &new.url, &books]));
    assert_eq!(new.ask(head), before);
    succeed(&mut netfold(&["migrate", "--database-url", &new.url]));
    let audit = ["audit", "--json", "--ledger-only", "--database-url", &new.url];
    let found = last_json(&succeed(&mut netfold(&audit)));
    assert_eq!((&found["drift"], &found["blocks"]), (&0.into(), &8.into()), "{found}");
    let changed = new.psql("update transfer set atoms = atoms + 1");
    assert!(said(&changed).1.contains("transfer is append-only"), "{:?}", said(&changed));
    let kept =
        new.ask("select count(*) from pg_trigger where tgenabled <> 'A' and not tgisinternal");
    assert_eq!(kept, "0");
}

/// With a checkpoint an audit goes on where it was, says so, keeps it when it is interrupted, and
/// tells a history that changed below it from a file that it cannot use.
#[test]
fn a_checkpoint_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("state"));
    fill(&server.url);
    let kept = folder.path().join("audit.checkpoint");
    let audit = || {
        let mut audit = netfold(&["audit", "--json", "--ledger-only", "--checkpoint", path(&kept)]);
        audit.args(["--database-url", &server.url]);
        audit
    };
    interrupt(&server, &mut audit());
    assert!(kept.is_file());
    let first = last_json(&succeed(&mut audit()));
    assert_eq!((&first["drift"], &first["blocks"]), (&0.into(), &8.into()), "{first}");
    let output = audit().output().unwrap();
    let (stdout, stderr) = said(&output);
    let second = last_json(&stdout);
    assert_eq!(
        (&second["resumed_at"], &second["events"]),
        (&8.into(), &first["events"]),
        "{second}"
    );
    assert!(stderr.contains("resumed at block 8 of 8"), "{stderr}");
    let bytes = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &bytes[..bytes.len() - 1]).unwrap();
    let refused = fail(&mut audit());
    assert!(refused.contains("REFUSED") && refused.contains("damaged"), "{refused}");
    std::fs::write(&kept, bytes).unwrap();
    server.ask(
        "alter table journal_block disable trigger all; \
        update journal_block set block_hash = sha256('') where block_number = 8",
    );
    let output = audit().output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{:?}", said(&output));
    let fault = last_json(&said(&output).0)["faults"][0].to_string();
    assert!(fault.contains("journal block 8 is not the one that was audited before"), "{fault}");
}

/// Interrupts an audit that waits for a table.
fn interrupt(server: &Server, audit: &mut Command) {
    let mut holder = Command::new("psql")
        .args(["--no-psqlrc", "--no-password", "-qAt", &server.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut script = holder.stdin.take().unwrap();
    std::io::Write::write_all(&mut script, b"begin; lock table event;\n").unwrap();
    let waiting = |granted: &str| {
        let began = Instant::now();
        let locks = format!(
            "select count(*) from pg_locks where relation = 'event'::regclass and {granted}"
        );
        while server.ask(&locks) == "0" {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody locks the table");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    waiting("mode = 'AccessExclusiveLock'");
    let mut child = audit.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    waiting("not granted");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("asked to end") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended without a word");
    }
    drop(script);
    holder.wait().unwrap();
    let status = child.wait().unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(4), "{rest}");
}

/// Two rollups, an asset, two deposits, a sealed batch and an open one: eight blocks.
fn fill(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, word) = adopt(url).await;
        let api = Ledger::connect(url, Role::Api, 2).await.unwrap();
        let block = L1Block { number: 1, hash: B256::repeat_byte(0xb1) };
        let logs: Vec<L1Log> = (0..)
            .zip(registered())
            .map(|(log_index, event)| L1Log {
                id: L1LogId { tx_hash: B256::repeat_byte(1), log_index },
                block,
                event,
            })
            .collect();
        engine.record_l1_block_range(&logs, block).await.unwrap();
        let (first, root) = batch(word, Height::FIRST, L2Root::UNSET);
        api.post_batch(&first).await.unwrap();
        engine.seal(SealReason::Command).await.unwrap().unwrap();
        let (second, root) = batch(word, Height::FIRST.next().unwrap(), root);
        api.post_batch(&second).await.unwrap();
        let (third, _) = batch(word, second.height().next().unwrap(), root);
        api.post_batch(&third).await.unwrap();
        engine.close().await;
        api.close().await;
    });
}

const ONE: RollupId = RollupId::new(1);
const ETH: AssetId = AssetId::new(1);

fn key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup.number()).unwrap(); 32])
}

fn registered() -> Vec<L1Event> {
    let two = RollupId::new(2);
    let deposit = |rollup| L1Event::Deposited {
        rollup,
        asset: ETH,
        depositor: Address::repeat_byte(0xdd),
        atoms: Atoms::new(1_000).unwrap(),
    };
    let rollup = |rollup| L1Event::RollupRegistered { rollup, key: key(rollup).public() };
    vec![
        L1Event::AssetRegistered(Asset::new(ETH, Address::ZERO, 18, 18).unwrap()),
        rollup(ONE),
        rollup(two),
        deposit(ONE),
        deposit(two),
    ]
}

/// The first rollup's next batch: two transfers.
fn batch(word: Word, height: Height, previous_root: L2Root) -> (Batch, L2Root) {
    let new_root =
        L2Root::new(B256::left_padding_from(&height.number().wrapping_add(7).to_be_bytes()));
    let transfer = |atoms| Transfer {
        to: RollupId::new(2),
        asset: ETH,
        atoms: Atoms::new(atoms).unwrap(),
        recipient: Address::repeat_byte(0xaa),
    };
    let transfers = vec![transfer(1), transfer(2)];
    let mut parts = BatchParts {
        rollup: ONE,
        height,
        previous_root,
        new_root,
        exit_root: ExitTree::empty().root(),
        lanes: Batch::sum_lanes(ONE, &transfers, &[]).unwrap(),
        transfers,
        exits: Vec::new(),
        signature: key(ONE).sign(Word::ZERO),
    };
    parts.signature = key(ONE).sign(parts.digest(word));
    (Batch::new(parts).unwrap(), new_root)
}
