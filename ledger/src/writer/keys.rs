//! The idempotency keys of one group of batches: what they stand for, and the rows to be written.
//!
//! **Invariant:** of two items of a group that one key cannot both stand for, the second waits until the first is
//! committed: then the books say what its key stands for. An item whose key is known is answered from the
//! books before any rule is asked.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;

use super::Waiting;
use super::rows::column;
use crate::column::{Columns, bigint};
use crate::connection::Tx;
use crate::idempotency::{Answered, KeyName, KeyedItem};
use crate::{BlockNumber, Error, Posted};

/// The keys of a group.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    known: BTreeMap<KeyName, Known>,
    /// What was decided in this group.
    fresh: BTreeMap<KeyName, (B256, BTreeSet<u16>)>,
    rows: Vec<KeyRow<'a>>,
}

/// What the books say of a key.
#[derive(Debug)]
struct Known {
    digest: B256,
    items: BTreeMap<u16, Posted>,
}

/// A key of an item that was booked, or had been.
#[derive(Debug)]
struct KeyRow<'a> {
    keyed: &'a KeyedItem,
    /// The number of its batch in the group, from 1, if it was booked now.
    nth: i32,
    block: BlockNumber,
    replayed: bool,
}

/// What a key says of a batch that waits.
#[derive(Debug)]
pub(super) enum Said {
    /// Nothing: it is to be decided.
    Nothing,
    /// What is to be answered.
    Answer(Result<Answered, Error>),
    /// One of the same group has its key.
    Later,
}

/// The rows by column, for the call that books a group.
#[derive(Debug, Default)]
pub(super) struct KeyColumns {
    pub(super) batches: Vec<i32>,
    pub(super) callers: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) items: Vec<i32>,
    pub(super) digests: Vec<Vec<u8>>,
}

const TABLE: Columns = Columns("keyed_write");

impl<'a> Keys<'a> {
    /// What the books say of a group's keys. The caller holds the lock of the books.
    pub(super) async fn read(tx: &mut Tx<'_>, group: &[Waiting]) -> Result<Self, Error> {
        let asked: Vec<_> = group.iter().filter_map(|one| one.key.as_ref()).collect();
        let mut keys = Self::default();
        if asked.is_empty() {
            return Ok(keys);
        }
        let rows = sqlx::query!(
            r#"select k.api_key_id, k.idempotency_key, k.item, k.request_digest, k.replayed,
                b.rollup_id as "rollup_id?", b.height as "height?", b.block_number as "block?",
                b.epoch_number as "epoch?", b.batch_digest as "batch_digest?",
                j.posted_at as "posted_at?"
            from (select distinct * from unnest($1::text[], $2::text[])) asked (caller, name)
            join keyed_write k on (k.caller, k.idempotency_key) = (asked.caller, asked.name)
            left join batch b on b.block_number = k.block_number
            left join journal_block j on j.block_number = k.block_number"#,
            &column(&asked, |one| one.request.caller()),
            &column(&asked, |one| one.request.key.to_string()),
        )
        .fetch_all(&mut **tx)
        .await?;
        for row in rows {
            let caller = row.api_key_id.map(|id| id.parse()).transpose();
            let caller = caller.map_err(|_| TABLE.corrupt())?;
            let key = row.idempotency_key.parse().map_err(|_| TABLE.corrupt())?;
            let digest = TABLE.b256(&row.request_digest)?;
            let known = keys.known.entry((caller, key));
            let known = known.or_insert_with(|| Known { digest, items: BTreeMap::new() });
            let (Some(rollup), Some(height), Some(block), Some(epoch), Some(batch), Some(at)) =
                (row.rollup_id, row.height, row.block, row.epoch, row.batch_digest, row.posted_at)
            else {
                // It asked for a seal.
                continue;
            };
            let posted = Posted {
                rollup: TABLE.rollup(rollup)?,
                height: TABLE.height(height)?,
                block: TABLE.block(block)?,
                epoch: TABLE.epoch(epoch)?,
                digest: TABLE.word(&batch)?,
                posted_at: at,
                replayed: row.replayed,
            };
            let item = u16::try_from(row.item).map_err(|_| TABLE.corrupt())?;
            known.items.insert(item, posted);
        }
        Ok(keys)
    }

    /// What its key says of a batch.
    pub(super) fn say(&self, waiting: &Waiting) -> Said {
        let Some(keyed) = &waiting.key else { return Said::Nothing };
        let name = keyed.request.name();
        if let Some(known) = self.known.get(&name) {
            if known.digest != keyed.request.digest {
                let key = keyed.request.key.clone();
                return Said::Answer(Err(Error::IdempotencyKeyReused { key }));
            }
            if let Some(posted) = known.items.get(&keyed.item) {
                return Said::Answer(Ok(Answered { posted: *posted, again: true }));
            }
        }
        match self.fresh.get(&name) {
            Some((digest, items))
                if *digest != keyed.request.digest || items.contains(&keyed.item) =>
            {
                Said::Later
            }
            _ => Said::Nothing,
        }
    }

    /// Notes that a batch was booked as the `nth` of the group, or had been booked before.
    pub(super) fn note(&mut self, waiting: &'a Waiting, nth: usize, posted: &Posted) {
        let Some(keyed) = &waiting.key else { return };
        let fresh = self.fresh.entry(keyed.request.name());
        fresh.or_insert((keyed.request.digest, BTreeSet::new())).1.insert(keyed.item);
        let nth = i32::try_from(nth).unwrap_or(i32::MAX);
        let (block, replayed) = (posted.block, posted.replayed);
        self.rows.push(KeyRow { keyed, nth, block, replayed });
    }

    /// The rows, of which each is of a batch that was booked now.
    pub(super) fn columns(&self) -> KeyColumns {
        let rows = &self.rows;
        KeyColumns {
            batches: column(rows, |row| row.nth),
            callers: column(rows, |row| row.keyed.request.caller()),
            keys: column(rows, |row| row.keyed.request.key.to_string()),
            items: column(rows, |row| i32::from(row.keyed.item)),
            digests: column(rows, |row| row.keyed.request.digest.to_vec()),
        }
    }

    /// Writes the rows, whose batches are written.
    pub(super) async fn insert(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let KeyColumns { callers, keys, items, digests, .. } = self.columns();
        let blocks = self.rows.iter().map(|row| bigint("block number", row.block.number()));
        sqlx::query!(
            "insert into keyed_write (api_key_id, idempotency_key, item, request_digest,
                block_number, replayed)
            select nullif(caller, ''), name, item, digest, block, replayed
            from unnest($1::text[], $2::text[], $3::integer[], $4::bytea[], $5::bigint[],
                $6::boolean[]) k (caller, name, item, digest, block, replayed)",
            &callers,
            &keys,
            &items,
            &digests,
            &blocks.collect::<Result<Vec<_>, _>>()?,
            &column(&self.rows, |row| row.replayed),
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Whether what refused a group is a key of it that the books know: under their lock they say what of.
pub(super) fn is_known(error: &Error) -> bool {
    matches!(
        error,
        Error::Forbidden { constraint: "keyed_write_key" | "keyed_write_of_one_request" }
    )
}
