//! A partition goes into a file that the journal proves, and nothing else changes; only what is final goes,
//! and only when its file is there; what is asked of archived blocks is refused by name.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use domain::{Batch, EpochNumber, Height};
use ledger::archive::{ArchiveOrder, Archived, ArchivedTransfer, Reader};
use ledger::audit::{AuditReport, CheckpointError, resume};
use ledger::{
    Account, AsOf, BatchFilter, BlockNumber, Error, PageLimit, PostedTransfer, SealReason,
    TransferFilter, TransferId,
};
use sqlx::AssertSqlSafe;

use crate::life::{evicted, held, live};
use crate::partitions::narrow;
use crate::roles::{connect, refused_by};
use crate::tamper::Unguarded;
use crate::world::{ETH, ONE, TWO, USDC, World, l1_block, submission, to, with_world};

const THIRD: EpochNumber = EpochNumber::new(3);

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("archive-{name}-{}", std::process::id());
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn archive(
    world: &World,
    folder: &Folder,
    order: ArchiveOrder,
) -> Result<Vec<Archived>, Error> {
    let mut done = Vec::new();
    world.owner.archive(&folder.0, order, &mut |one| done.push(one.clone())).await?;
    Ok(done)
}

async fn audit(world: &World, folder: Option<&Folder>) -> Result<AuditReport, CheckpointError> {
    let folder = folder.map(|folder| folder.0.as_path());
    resume(&world.read, None, folder, &mut |_| ControlFlow::Continue(())).await
}

/// Takes a sealed epoch to its end.
async fn finish(world: &World, epoch: u64) {
    let number = epoch;
    let epoch = EpochNumber::new(epoch);
    world.prove(epoch).await;
    let submission = submission(u8::try_from(100 + number).unwrap(), 0);
    world.engine.record_submission(epoch, &submission).await.unwrap();
    let settlement = world.settlement(epoch, submission.tx_hash).await;
    world.engine.record_settlement(epoch, &settlement).await.unwrap();
    world.engine.record_final(epoch, l1_block(9_000 + number)).await.unwrap();
}

/// Three final epochs with a row of every kind in them, and a batch in the fourth.
async fn three_epochs(world: &mut World) {
    narrow(world, 3).await;
    live(world).await;
    evicted(world).await;
    held(world).await;
    world.seal().await;
    finish(world, 2).await;
    finish(world, 3).await;
    let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
    world.post(&batch).await;
}

async fn listed(world: &World, filter: TransferFilter) -> Vec<PostedTransfer> {
    world.read.transfers(&filter, None, PageLimit::MAX).await.unwrap().items
}

/// Every row but those that the archiving is about.
async fn others(world: &World) -> Vec<String> {
    let mut dump = world.dump().await;
    dump.retain(|row| !row.starts_with("transfer_1 ") && !row.starts_with("archived_"));
    dump
}

#[test]
fn a_partition_goes_and_the_books_stay() {
    with_world(|mut world| async move {
        three_epochs(&mut world).await;
        let folder = Folder::new("goes");
        let transfers = listed(&world, TransferFilter::default()).await;
        let before = others(&world).await;
        let books = world.read.books_at(AsOf::Epoch(THIRD)).await.unwrap();
        let done = archive(&world, &folder, ArchiveOrder::Through(THIRD)).await.unwrap();
        let [Archived { range, file }] = done.as_slice() else { panic!("{done:?}") };
        assert_eq!((range.first_epoch, range.last_epoch), (EpochNumber::FIRST, THIRD));
        assert_eq!(world.read.archived_ranges().await.unwrap(), std::slice::from_ref(range));
        assert_eq!(others(&world).await, before);

        // The file has every block, as its header says, and every transfer, as it was listed.
        let mut reader = Reader::open(file).unwrap();
        let mut found = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            let header = world.read.journal_block(block.block()).await.unwrap().unwrap();
            assert_eq!(header.hash, block.hash());
            found.extend(block.transfers().iter().map(|one| (block.block(), *one)));
        }
        let archived = transfers.iter().rev().filter(|one| one.epoch <= THIRD);
        assert!(archived.clone().map(as_archived).eq(found.iter().copied()));
        assert_eq!(range.transfers, u64::try_from(found.len()).unwrap());

        let old = books_stay(&world, &transfers).await;
        assert_eq!(world.read.books_at(AsOf::Epoch(THIRD)).await.unwrap(), books);
        let inside = world.read.books_at(AsOf::Block(old.block)).await;
        assert!(matches!(inside, Err(Error::Archived { .. })), "{inside:?}");
        assert_eq!(archive(&world, &folder, ArchiveOrder::Through(THIRD)).await.unwrap(), []);
        and_go_on(&mut world, &folder).await;
    });
}

/// Epochs in which nothing was posted go as the others do, and an audit reads on past their file; a file that
/// another one wrote under that name stays, and the partition with it.
#[test]
fn epochs_without_blocks_are_archived() {
    with_world(|mut world| async move {
        narrow(&world, 1).await;
        world.seal().await;
        world.engine.seal(SealReason::Grace).await.unwrap().unwrap();
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&batch).await;
        world.seal().await;
        for epoch in 1..=3 {
            finish(&world, epoch).await;
        }
        let folder = Folder::new("empty");
        let name = folder.0.join("transfers-2-2.netfold");
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(&name, "another one's").unwrap();
        let taken = archive(&world, &folder, ArchiveOrder::Through(THIRD)).await;
        assert!(matches!(taken, Err(Error::ArchiveTaken { .. })), "{taken:?}");
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "another one's");
        assert_eq!(world.read.archived_ranges().await.unwrap().len(), 1);
        std::fs::remove_file(&name).unwrap();
        let done = archive(&world, &folder, ArchiveOrder::Through(THIRD)).await.unwrap();
        let counts: Vec<u64> = done.iter().map(|one| one.range.transfers).collect();
        assert_eq!(counts, [0, 1]);
        for one in &done {
            assert_eq!(Reader::open(&one.file).unwrap().finish().unwrap().digest, one.range.digest);
        }
        // Nothing is left of the names that files have until they are whole.
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 3);
        assert_eq!(audit(&world, Some(&folder)).await.unwrap().first_fault, None);
    });
}

fn as_archived(one: &PostedTransfer) -> (BlockNumber, ArchivedTransfer) {
    let fields = ArchivedTransfer {
        position: one.id.position,
        debit: one.debit,
        credit: one.credit,
        asset: one.asset,
        atoms: one.atoms,
        debit_balance: one.debit_balance,
        credit_balance: one.credit_balance,
        recipient: one.recipient,
    };
    (one.id.block, fields)
}

/// What is archived is refused by name, wherever it is asked for; what is not is there.
async fn books_stay(world: &World, transfers: &[PostedTransfer]) -> TransferId {
    let refused = |error: &Error, epoch: EpochNumber| matches!(error, Error::Archived { epoch: found, through: THIRD } if *found == epoch);
    let (new, old) = (transfers[0], transfers[transfers.len() - 1]);
    assert_eq!(world.read.transfer(new.id).await.unwrap(), Some(new));
    let gone = world.read.transfer(old.id).await.unwrap_err();
    assert!(refused(&gone, EpochNumber::FIRST), "{gone}");
    for id in [
        TransferId { position: 999, ..old.id },
        TransferId { block: BlockNumber::new(999), ..old.id },
    ] {
        assert_eq!(world.read.transfer(id).await.unwrap(), None);
    }
    let all = TransferFilter::default();
    let moved = Account::Cell { rollup: TWO, asset: ETH };
    let still = Account::Pot { rollup: TWO, asset: USDC };
    for (filter, items, through) in [
        (all, vec![new], Some(THIRD)),
        (TransferFilter { account: Some(moved), ..all }, vec![new], Some(THIRD)),
        (TransferFilter { account: Some(still), ..all }, Vec::new(), None),
        (TransferFilter { epoch: Some(new.epoch), ..all }, vec![new], None),
    ] {
        let page = world.read.transfers(&filter, None, PageLimit::MAX).await.unwrap();
        assert_eq!((page.items, page.archived_through), (items, through), "{filter:?}");
    }
    let before = world.read.transfers(&all, Some(old.id), PageLimit::MAX).await.unwrap();
    assert_eq!((before.items, before.archived_through), (Vec::new(), Some(THIRD)));
    let first = (ONE, Height::FIRST);
    for filter in
        [TransferFilter { epoch: Some(THIRD), ..all }, TransferFilter { batch: Some(first), ..all }]
    {
        let gone = world.read.transfers(&filter, None, PageLimit::MAX).await.unwrap_err();
        assert!(matches!(gone, Error::Archived { .. }), "{gone}");
    }
    let gone = world.read.batch(ONE, Height::FIRST).await.unwrap_err();
    assert!(refused(&gone, EpochNumber::FIRST), "{gone}");
    let gone = world.engine.operations_of(THIRD).await.unwrap_err();
    assert!(refused(&gone, THIRD), "{gone}");
    let batches = world.read.batches(&BatchFilter::default(), None, PageLimit::MAX).await.unwrap();
    assert_eq!(batches.len(), 9);
    assert_eq!(world.read.equivocations(PageLimit::MAX).await.unwrap().len(), 1);
    old.id
}

/// The journal goes on, the next partition goes, and an audit reads both files; without them it says what
/// it lacks.
async fn and_go_on(world: &mut World, folder: &Folder) {
    for epoch in 4..=6 {
        let batch = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
        world.post(&batch).await;
        world.seal().await;
        finish(world, epoch).await;
    }
    let report = audit(world, Some(folder)).await.unwrap();
    assert_eq!((report.first_fault, report.epochs), (None, 6));
    let done = archive(world, folder, ArchiveOrder::Keep(0)).await.unwrap();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].range.first_block.number(), 29);
    let head = world.read.journal_head().await.unwrap().unwrap();
    let report = audit(world, Some(folder)).await.unwrap();
    assert_eq!((report.first_fault, report.blocks), (None, head.block.number()));
    let refused = audit(world, None).await.unwrap_err();
    assert!(matches!(refused, CheckpointError::Ledger(Error::Archived { .. })), "{refused}");
}

/// A batch that is posted again after it was archived is answered as before; another one at its height is
/// evidence.
#[test]
fn an_archived_batch_is_replayed() {
    with_world(|mut world| async move {
        narrow(&world, 1).await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        let other = world.batch(ONE, vec![to(TWO, ETH, 6)], Vec::new());
        let posted = world.post(&batch).await;
        world.seal().await;
        finish(&world, 1).await;
        let folder = Folder::new("replayed");
        archive(&world, &folder, ArchiveOrder::Keep(0)).await.unwrap();
        let again = world.api.post_batch(&batch).await.unwrap();
        assert_eq!(again, ledger::Posted { replayed: true, ..posted });
        let refused = world.api.post_batch(&other).await;
        assert!(matches!(refused, Err(Error::BatchConflict { .. })), "{refused:?}");
        let evidence = world.read.equivocations(PageLimit::MAX).await.unwrap();
        let signed = |batch: &Batch| {
            (
                batch.parts().digest_words(crate::world::adoption().identity.word()),
                batch.parts().signature,
            )
        };
        assert_eq!(
            (evidence[0].recorded.words.clone(), evidence[0].recorded.signature),
            signed(&batch)
        );
        assert_eq!(
            (evidence[0].refused.words.clone(), evidence[0].refused.signature),
            signed(&other)
        );
    });
}

/// Nothing goes that is not final, that a row speaks against, or whose file is not there; and whatever
/// ended it, the next call makes the same file.
#[test]
fn only_what_is_final_and_filed_goes() {
    with_world(|mut world| async move {
        narrow(&world, 1).await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], Vec::new());
        world.post(&batch).await;
        world.seal().await;
        let folder = Folder::new("filed");
        let through = ArchiveOrder::Through(EpochNumber::FIRST);
        let refused = archive(&world, &folder, through).await.unwrap_err();
        assert!(matches!(refused, Error::NotArchivable { epoch: EpochNumber::FIRST }), "{refused}");
        assert_eq!(archive(&world, &folder, ArchiveOrder::Keep(0)).await.unwrap(), []);
        let range = "insert into archived_range (first_epoch, last_epoch, first_block, last_block,
                last_block_hash, transfer_count, file_digest, file_length)
            select 1, 1, 1, block_number, block_hash, COUNT, sha256('f'), 1
            from journal_block where block_number = 12";
        let mut owner = connect(&world, ledger::Role::Owner).await;
        let found = refused_by(&mut owner, &range.replace("COUNT", "7")).await;
        assert_eq!(found.as_deref(), Some("archived_range_is_final"));
        finish(&world, 1).await;
        let found = refused_by(&mut owner, &range.replace("COUNT", "8")).await;
        assert_eq!(found.as_deref(), Some("archived_range_is_whole"));
        assert_eq!(archive(&world, &folder, ArchiveOrder::Keep(1)).await.unwrap(), []);

        let run = async |script: &str| {
            sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&world.raw).await.unwrap();
        };
        let tampered = "alter table transfer_1 disable trigger all;
            update transfer_1 set atoms = atoms BY where block_number = 7;
            alter table transfer_1 enable always trigger append_only;
            alter table transfer_1 enable always trigger transfer_guard";
        run(&tampered.replace("BY", "+ 1")).await;
        let refused = archive(&world, &folder, through).await.unwrap_err();
        assert!(refused.to_string().starts_with("transfer 7-0 is not"), "{refused}");
        run(&tampered.replace("BY", "- 1")).await;

        // It ends when the file is there and the row is not.
        run("create function fail() returns trigger language plpgsql as
                'begin raise exception ''the end''; end';
            create trigger a_fail before insert on archived_range execute function fail()")
        .await;
        assert!(archive(&world, &folder, through).await.is_err());
        let file = folder.0.join("transfers-1-1.netfold");
        let written = std::fs::read(&file).unwrap();
        assert_eq!(listed(&world, TransferFilter::default()).await.len(), 7);
        run("drop trigger a_fail on archived_range").await;
        std::fs::write(&file, "another one").unwrap();
        let refused = archive(&world, &folder, through).await.unwrap_err();
        assert!(matches!(refused, Error::ArchiveTaken { .. }), "{refused}");
        std::fs::write(&file, &written).unwrap();
        let mine = world.engine.archive(&folder.0, through, &mut |_| ()).await;
        assert!(matches!(mine, Err(Error::PermissionDenied(_))), "{mine:?}");
        assert_eq!(archive(&world, &folder, through).await.unwrap().len(), 1);
        assert_eq!(std::fs::read(&file).unwrap(), written);
        assert_eq!(listed(&world, TransferFilter::default()).await, []);
    });
}

/// What is done to a file, and the block that it is found at; none where only the whole differs.
const CHANGES: &[(&str, &str, Option<u64>)] = &[
    ("cell:1:1 1000 ", "cell:1:1 1001 ", Some(6)),
    ("custody:l1:1 cell:2:1", "custody:l1:1 cell:3:1", Some(8)),
    ("block 12 1 4 4", "block 12 1 4 3", Some(12)),
    ("block 13 ", "block 14 ", Some(13)),
    ("\nend ", "\nEND ", Some(29)),
    ("netfold.archive.v1", "netfold.archive.v2", Some(1)),
    ("cell:1:1 1000 ", "cell:1:1  1000 ", None),
];

/// A changed file is named at the block that was changed, and by its hash in any case; and what the ledger
/// says of its archive is audited.
#[test]
fn a_changed_archive_is_named() {
    with_world(|mut world| async move {
        three_epochs(&mut world).await;
        let folder = Folder::new("changed");
        let done = archive(&world, &folder, ArchiveOrder::Through(THIRD)).await.unwrap();
        let file = &done[0].file;
        let whole = std::fs::read_to_string(file).unwrap();
        for (there, instead, block) in CHANGES {
            assert!(whole.contains(there), "{there}");
            std::fs::write(file, whole.replacen(there, instead, 1)).unwrap();
            let found = Reader::open(file).and_then(Reader::finish);
            match (&found, block) {
                (Err(Error::ArchiveDamaged { block, .. }), Some(expected)) => {
                    assert_eq!(block.number(), *expected, "{there}");
                }
                (Ok(summary), None) => assert_ne!(summary.digest, done[0].range.digest),
                _ => panic!("{there}: {found:?}"),
            }
            assert!(audit(&world, Some(&folder)).await.is_err(), "{there}");
        }
        for cut in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &format!("{whole}\n")] {
            std::fs::write(file, cut).unwrap();
            let found = Reader::open(file).and_then(Reader::finish);
            assert!(matches!(found, Err(Error::ArchiveDamaged { .. })), "{found:?}");
        }
        std::fs::write(file, &whole).unwrap();
        let report = audit(&world, Some(&folder)).await.unwrap();
        assert_eq!(report.first_fault, None);
        rows_are_audited(&world, &folder).await;
    });
}

async fn rows_are_audited(world: &World, folder: &Folder) {
    let attack = Unguarded::new(world).await;
    for tamper in [
        "update archived_range set transfer_count = transfer_count + 1",
        "alter table archived_range drop constraint archived_range_first_has_no_past;
        update archived_range set first_block = first_block + 1",
        "update archived_range set last_block = last_block - 1",
        "update archived_range set last_epoch = last_epoch - 1",
        "update archived_range set last_block_hash = sha256('x')",
        "update archived_range set file_digest = sha256('x')",
        "update archived_range set file_length = file_length + 1",
        "delete from archived_range",
        "update archived_balance set debits = debits + 1 where account_id = 4294967297",
        "update archived_balance set version = version + 1 where account_id = 4294967297",
        "update archived_balance set last_block = last_block + 1 where account_id = 4294967297",
        "delete from archived_balance where account_id = 4294967297",
        "update transfer_partition set last_epoch = last_epoch + 1 where first_epoch = 1",
        "delete from transfer_partition where first_epoch = 4",
    ] {
        attack.run(tamper).await;
        let found = audit(world, Some(folder)).await;
        let unfound = found.is_ok_and(|report| report.first_fault.is_none());
        assert!(!unfound, "{tamper}");
        let table = if tamper.contains("archived_balance") {
            "archived_balance"
        } else if tamper.contains("archived_range") {
            "archived_range"
        } else {
            "transfer_partition"
        };
        attack.restore(table).await;
    }
    assert_eq!(audit(world, Some(folder)).await.unwrap().first_fault, None);
}
