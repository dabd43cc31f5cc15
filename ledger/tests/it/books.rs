//! Proof of books: a seal pins what every account held, and nothing else can be pinned in its place.

use alloy_primitives::B256;
use domain::EpochNumber;
use domain::l1::{L1Event, L1Log};
use ledger::{Error, Role};
use sqlx::Connection;

use crate::life::live;
use crate::roles::{connect, refused_by};
use crate::world::{ETH, ONE, TWO, World, deposit, l1_block, out, submission, to, with_world};

const FIRST: EpochNumber = EpochNumber::FIRST;

/// The books of an epoch are those of the moment of its seal, whatever is posted later; the digest is of
/// exactly the bytes that are told, which the schema makes by itself, too.
#[test]
fn books_are_those_of_the_seal() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 5)], vec![out(ETH, 3)]);
        world.post(&batch).await;
        assert_eq!(world.read.books(FIRST).await.unwrap(), None);
        let stood = world.read.accounts().await.unwrap();
        let sealed = world.seal().await;
        let batch = world.batch(TWO, vec![to(ONE, ETH, 7)], Vec::new());
        world.post(&batch).await;
        let books = world.read.books(FIRST).await.unwrap().unwrap();
        assert_eq!(sealed.books, Some(books.digest()));
        assert_eq!(world.read.sealed(FIRST).await.unwrap(), Some(sealed));
        assert_eq!(
            (books.last_block, books.last_block_hash),
            (sealed.last_block, sealed.last_block_hash)
        );
        let told: Vec<_> =
            books.accounts.iter().map(|one| (one.account, one.debits, one.credits)).collect();
        let expected: Vec<_> = stood
            .iter()
            .filter(|one| one.transfers > 0)
            .map(|one| (one.account, one.debits.to::<u128>(), one.credits.to::<u128>()))
            .collect();
        assert_eq!(told, expected);
        let made: Vec<u8> =
            sqlx::query_scalar("select books_encoding(1)").fetch_one(&world.raw).await.unwrap();
        assert_eq!(made, books.encoding());
        // Tag, epoch, block and its hash, count; 56 bytes an account.
        assert_eq!(made.len(), 16 + 8 + 8 + 32 + 4 + 56 * books.accounts.len());
        world.assert_clean().await;
    });
}

/// Every field of the books is in their digest.
#[test]
fn a_digest_covers_every_field() {
    with_world(|world| async move {
        world.seal().await;
        let books = world.read.books(FIRST).await.unwrap().unwrap();
        let changes: [fn(&mut ledger::Books); 9] = [
            |books| books.epoch = EpochNumber::new(2),
            |books| books.last_block = ledger::BlockNumber::new(1),
            |books| books.last_block_hash = B256::ZERO,
            |books| books.accounts.truncate(1),
            |books| books.accounts[0].account = books.accounts[1].account,
            |books| books.accounts[0].debits += 1,
            |books| books.accounts[0].credits += 1,
            |books| books.accounts[0].transfers += 1,
            |books| books.accounts[0].last_block = ledger::BlockNumber::new(1),
        ];
        let mut digests = vec![books.digest()];
        for change in changes {
            let mut other = books.clone();
            change(&mut other);
            digests.push(other.digest());
        }
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 10);
    });
}

/// A seal of the open epoch at the journal's head, as the engine writes it, without what follows.
pub(crate) const SEAL: &str = "insert into epoch_seal (epoch_number, reason, last_block, last_block_hash,
        l1_block_number, l1_block_hash, batch_count, operation_count, transfer_count, opening_digest,
        closing_digest)
    select e.epoch_number, 4, b.block_number, b.block_hash, l.last_block_number, l.last_block_hash, 0,
        1, 1, e.opening_digest, e.opening_digest
    from (select * from epoch order by epoch_number desc limit 1) e,
        (select * from journal_block order by block_number desc limit 1) b,
        (select * from l1_range order by last_block_number desc limit 1) l;";

/// The books that belong to it.
const BALANCES: &str = "insert into epoch_balance
    select 3, account_id, debits, credits, version, last_block from balance where version > 0;";
const BOOKS: &str = "insert into epoch_books
    select 3, (select count(*) from epoch_balance where epoch_number = 3), sha256(books_encoding(3));";

/// With its triggers a database takes no other books than its own, by whomever they are written: no
/// account more, less or otherwise, no other digest, none later, and no seal without.
#[test]
fn no_other_books_can_be_closed() {
    with_world(|mut world| async move {
        live(&mut world).await;
        let extra = "insert into epoch_balance select 3, account_id, 0, 0, 0, 0 from balance
            where version = 0 limit 1;";
        let less = BALANCES.replace("version > 0", "version > 1");
        let otherwise =
            |column: &str| BALANCES.replace(&format!(" {column},"), &format!(" {column} + 1,"));
        let digest = BOOKS.replace("sha256(books_encoding(3))", "sha256('x')");
        let count = BOOKS.replace("count(*)", "count(*) + 1");
        let stand = "epoch_books_as_they_stand";
        let own = "epoch_books_digest_is_its_own";
        let attacks = [
            (format!("{SEAL}{BOOKS}"), stand),
            (format!("{SEAL}{BALANCES}{extra}{BOOKS}"), stand),
            (format!("{SEAL}{less}{BOOKS}"), stand),
            (format!("{SEAL}{}{BOOKS}", otherwise("debits")), stand),
            (format!("{SEAL}{}{BOOKS}", otherwise("credits")), stand),
            (format!("{SEAL}{}{BOOKS}", otherwise("version")), stand),
            (format!("{SEAL}{}{BOOKS}", BALANCES.replace("last_block from", "1 from")), stand),
            (format!("{SEAL}{BALANCES}{digest}"), own),
            (format!("{SEAL}{BALANCES}{count}"), own),
            (format!("{SEAL}{BALANCES}{BOOKS}{extra}"), "epoch_balance_before_its_books"),
            (SEAL.to_owned(), "epoch_seal_pins_the_books"),
            (format!("{SEAL}{BALANCES}"), "epoch_seal_pins_the_books"),
            (BALANCES.to_owned(), "epoch_balance_of_books"),
            // Of an epoch that is sealed already.
            (BALANCES.replace(" 3,", " 2,"), "epoch_balance_key"),
            (extra.replace(" 3,", " 2,"), "epoch_balance_before_its_books"),
            (BOOKS.replace('3', "2"), stand),
        ];
        let before = world.dump().await;
        let mut engine = connect(&world, Role::Engine).await;
        let mut superuser = sqlx::PgConnection::connect(&world.url).await.unwrap();
        for (attack, constraint) in &attacks {
            for connection in [&mut engine, &mut superuser] {
                let found = refused_by(connection, attack).await;
                assert_eq!(found.as_deref(), Some(*constraint), "{attack}");
            }
        }
        assert_eq!(world.dump().await, before);
        // The attacks are refused for what is wrong with them, and for nothing else.
        let right = refused_by(&mut engine, &format!("{SEAL}{BALANCES}{BOOKS}")).await;
        assert_eq!(right, None);
    });
}

/// Our own settlement must have told L1 what was sealed, or nothing of the range is booked; a
/// stranger's may say anything, and is noted.
#[test]
fn our_own_settlement_names_our_books() {
    with_world(|mut world| async move {
        let sealed = world.seal().await;
        world.prove(FIRST).await;
        let ours = submission(1, 0);
        world.engine.record_submission(FIRST, &ours).await.unwrap();
        let wrong = settled(&mut world, B256::repeat_byte(9), ours.tx_hash).await;
        let end = l1_block(world.l1_end().number + 1);
        let refused = world.engine.record_l1_block_range(&[wrong], end).await;
        let Err(Error::BooksDiffer { sealed: pinned, settled: told, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((Some(pinned), told), (sealed.books, B256::repeat_byte(9)));
        let right = settled(&mut world, sealed.books.unwrap(), ours.tx_hash).await;
        world.engine.record_l1_block_range(&[right], end).await.unwrap();
        let logged = world.read.l1_settlement(FIRST).await.unwrap().unwrap();
        assert_eq!(logged.books, sealed.books);
        let forged = "insert into l1_settlement_books values (1, sha256('x'))";
        let refused = sqlx::raw_sql(forged).execute(&world.raw).await.unwrap_err();
        let refusal = refused.as_database_error().unwrap();
        assert_eq!(refusal.constraint(), Some("l1_settlement_books_of_our_own"));
        world.assert_clean().await;
    });
    with_world(|mut world| async move {
        world.record(vec![deposit(ONE, ETH, 1)]).await.unwrap();
        world.seal().await;
        let theirs = settled(&mut world, B256::repeat_byte(9), B256::repeat_byte(7)).await;
        let end = l1_block(world.l1_end().number + 1);
        world.engine.record_l1_block_range(&[theirs], end).await.unwrap();
        let logged = world.read.l1_settlement(FIRST).await.unwrap().unwrap();
        assert_eq!(logged.books, Some(B256::repeat_byte(9)));
        world.assert_clean().await;
    });
}

/// L1's log of the first epoch's settlement, by an l1_tx.
async fn settled(world: &mut World, books: B256, tx_hash: B256) -> L1Log {
    let state_digest = world.read.sealed(FIRST).await.unwrap().unwrap().closing_digest;
    let event = L1Event::EpochSettled { epoch: FIRST, state_digest, steps: 1, books };
    let mut log = world.log(event);
    log.id.tx_hash = tx_hash;
    log
}
