//! An audit that was cut goes on where it was, and finds what a whole one finds.

use std::ops::ControlFlow;

use ledger::audit::{Checkpoint, CheckpointError, Reached, resume};
use ledger::{AuditReport, Ledger};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::life::{evicted, held, live};
use crate::tamper::Unguarded;
use crate::world::{World, submission, with_world};

/// Audits from a checkpoint on, up to where a block and an event are recomputed.
async fn cut(ledger: &Ledger, from: Option<&[u8]>, at: (u64, u64)) -> (AuditReport, Vec<u8>) {
    let from = from.map(|bytes| Checkpoint::from_bytes(bytes).unwrap());
    let mut kept = Vec::new();
    let mut observer = |reached: Reached<'_>| {
        let progress = reached.progress();
        if (progress.blocks, progress.events) < at {
            return ControlFlow::Continue(());
        }
        kept = reached.checkpoint();
        ControlFlow::Break(())
    };
    let report = resume(ledger, from, None, &mut observer).await.unwrap();
    assert_eq!(report.interrupted, !kept.is_empty());
    (report, kept)
}

/// Audits from a checkpoint to the end.
async fn finish(ledger: &Ledger, from: &[u8]) -> AuditReport {
    let from = Checkpoint::from_bytes(from).unwrap();
    resume(ledger, Some(from), None, &mut |_| ControlFlow::Continue(())).await.unwrap()
}

/// The checkpoint of an audit that has come to its end.
async fn whole(world: &World) -> (AuditReport, Vec<u8>) {
    let mut last = Vec::new();
    let mut observer = |reached: Reached<'_>| {
        last = reached.checkpoint();
        ControlFlow::Continue(())
    };
    let report = resume(&world.read, None, None, &mut observer).await.unwrap();
    (report, last)
}

/// Cut after any block, a resumed audit reports what a whole one does; so does one that is cut after
/// every single block.
#[test]
fn resumed_anywhere_it_is_the_same() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        let (report, _) = whole(&world).await;
        assert_eq!((report.drift, report.blocks), (0, 23));
        let mut step = None;
        for block in 1..=report.blocks {
            let (_, kept) = cut(&world.read, None, (block, 0)).await;
            assert_eq!(Checkpoint::from_bytes(&kept).unwrap().block().number(), block);
            assert_eq!(finish(&world.read, &kept).await, report, "cut after block {block}");
            let (_, next) = cut(&world.read, step.as_deref(), (block, 0)).await;
            assert!(next == kept, "resumed after each block up to {block}");
            step = Some(next);
        }
        let (_, kept) = cut(&world.read, step.as_deref(), (report.blocks, report.events)).await;
        assert_eq!(finish(&world.read, &kept).await, report, "cut after the last event");
    });
}

/// What comes after a complete audit is all that the next one reads: new blocks, and what earlier
/// epochs get later.
#[test]
fn it_goes_on_with_what_came_since() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let (_, kept) = whole(&world).await;
        evicted(&mut world).await;
        world.seal().await;
        let (_, sealed) = whole(&world).await;
        let second = domain::EpochNumber::new(2);
        world.prove(second).await;
        let submission = submission(9, 9);
        world.engine.record_submission(second, &submission).await.unwrap();
        let settlement = world.settlement(second, submission.tx_hash).await;
        world.engine.record_settlement(second, &settlement).await.unwrap();
        let (report, _) = whole(&world).await;
        assert_eq!((report.drift, report.epochs), (0, 3));
        for kept in [&kept, &sealed] {
            assert_eq!(finish(&world.read, kept).await, report);
        }
        // What came to a sealed epoch later is checked as in a whole audit.
        tamper(
            &world,
            "update epoch_settlement set state_digest = sha256('') where epoch_number = 2",
        )
        .await;
        let fault = |report: AuditReport| report.first_fault.map(|fault| fault.to_string());
        let found = fault(world.audit().await);
        assert!(found.is_some());
        for kept in [&kept, &sealed] {
            assert_eq!(fault(finish(&world.read, kept).await), found);
        }
    });
}

/// As the superuser, who can switch guards off.
async fn tamper(world: &World, statement: &str) {
    let table = statement.split_whitespace().nth(1).unwrap();
    let table = if table == "from" { statement.split_whitespace().nth(2).unwrap() } else { table };
    let script = format!("alter table {table} disable trigger all; {statement}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&world.raw).await.unwrap();
}

/// History that is another one below the checkpoint is a finding, as are rows that are missing there.
/// A row below it that is altered and nothing else is not read again: only a whole audit finds it.
#[test]
fn changed_history_is_seen() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let (_, kept) = cut(&world.read, None, (13, 0)).await;
        let (_, end) = whole(&world).await;
        let found = async |from: &[u8]| {
            let report = finish(&world.read, from).await;
            assert_eq!(report.drift, u64::from(report.first_fault.is_some()));
            report.first_fault.map(|fault| fault.to_string())
        };
        let altered = "update transfer set atoms = atoms + 1 where block_number = 12";
        tamper(&world, altered).await;
        assert_eq!(found(&kept).await, None);
        assert_eq!(world.audit().await.drift, 1);
        tamper(&world, "update transfer set atoms = atoms - 1 where block_number = 12").await;
        world.assert_clean().await;
        tamper(&world, "delete from lane where rollup_id = 1 and height = 0 and asset_id = 2")
            .await;
        assert_eq!(found(&kept).await.unwrap(), "a row of table lane is missing");
        tamper(&world, "update event set event_hash = sha256('') where event_number = (select max(event_number) from event)").await;
        assert!(found(&end).await.unwrap().ends_with("is not the one that was audited before"));
        let other = "update journal_block set block_hash = sha256('') where block_number = 13";
        tamper(&world, other).await;
        let expected = "journal block 13 is not the one that was audited before";
        assert_eq!(found(&kept).await.unwrap(), expected);
        tamper(&world, "delete from journal_block where block_number >= 13").await;
        assert_eq!(found(&kept).await.unwrap(), expected);
    });
}

/// What closed epochs say of cells, rollups and accounts is counted, though it is not read again.
#[test]
fn closed_rows_are_counted() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let (_, end) = whole(&world).await;
        let attack = Unguarded::new(&world).await;
        for table in ["epoch_balance", "epoch_cell", "epoch_rollup"] {
            let delete = format!(
                "delete from {table} where ctid in (
                    select ctid from {table} where epoch_number = 1 limit 1
                )"
            );
            attack.run(&delete).await;
            let fault = finish(&world.read, &end).await.first_fault.map(|fault| fault.to_string());
            assert_eq!(fault, Some(format!("a row of table {table} is missing")));
            attack.restore(table).await;
        }
        assert_eq!(finish(&world.read, &end).await.first_fault, None);
    });
}

/// A checkpoint with any byte changed, of another version or of another domain is refused by name.
#[test]
fn a_damaged_checkpoint_is_refused() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let (_, kept) = cut(&world.read, None, (14, 0)).await;
        let refused = |bytes: &[u8]| Checkpoint::from_bytes(bytes).err().unwrap();
        for position in (0..kept.len()).step_by(97).chain([kept.len() - 1]) {
            let mut bytes = kept.clone();
            bytes[position] ^= 1;
            let error = refused(&bytes);
            let named = matches!(error, CheckpointError::Damaged | CheckpointError::OtherVersion);
            assert!(named, "byte {position}: {error}");
            assert!(matches!(refused(&kept[..position]), CheckpointError::Damaged));
        }
        let text = String::from_utf8(kept.clone()).unwrap();
        let newer = text.replacen("netfold.audit.", "netfold.audit.9", 1);
        assert!(matches!(refused(newer.as_bytes()), CheckpointError::OtherVersion));
        let body =
            text.split_once('\n').unwrap().1.replacen("\"chain_id\":31337", "\"chain_id\":1", 1);
        let digest = hex(&Sha256::digest(body.as_bytes()));
        let version = text.split_once(' ').unwrap().0;
        let other = format!("{version} 0x{digest}\n{body}");
        let other = Checkpoint::from_bytes(other.as_bytes()).unwrap();
        let resumed =
            resume(&world.read, Some(other), None, &mut |_| ControlFlow::Continue(())).await;
        assert!(matches!(resumed, Err(CheckpointError::OtherDomain)));
    });
}

/// Whoever changes what a checkpoint holds, or what an audit checks, raises its version.
#[test]
fn the_form_is_that_of_the_version() {
    with_world(|mut world| async move {
        live(&mut world).await;
        evicted(&mut world).await;
        held(&mut world).await;
        let (_, kept) = cut(&world.read, None, (27, 0)).await;
        let text = String::from_utf8(kept).unwrap();
        let (line, body) = text.split_once('\n').unwrap();
        let mut paths = Vec::new();
        collect(&serde_json::from_str(body).unwrap(), String::new(), &mut paths);
        paths.sort();
        paths.dedup();
        let form = hex(&Sha256::digest(paths.join("\n")));
        assert_eq!((line.split(' ').next().unwrap(), &form[..16]), FORM, "{paths:#?}");
    });
}

const FORM: (&str, &str) = ("netfold.audit.2", "b454e06edda3a574");

/// The names of all fields; what is numbered or named by an account has one name.
fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let key = name.contains(':') || name.parse::<u64>().is_ok();
                let name = if key { "*" } else { name };
                collect(field, format!("{path}.{name}"), paths);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, format!("{path}[]"), paths);
            }
        }
        _ => paths.push(path),
    }
}

fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode(bytes)
}
