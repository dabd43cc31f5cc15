//! What the writer knows of the books: enough to book a batch without asking.
//!
//! **Invariant:** it is what the books are at its head. Whatever is booked moves the head, whoever
//! did it: so a view is good exactly while the books have its head, and is read anew otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use domain::limits::MAX_BATCHES_PER_EPOCH;
use domain::{
    AssetId, Batch, BatchParts, EpochNumber, ExitTree, Height, LiquidityState, Operation, Refusal,
    RollupId, Word,
};

use super::Checked;
use crate::batches;
use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::hash::{self, BatchPlace};
use crate::operations::{self, BlockRange};
use crate::posting::{AllSums, Available, Block, Head, Place};
use crate::{Account, BlockNumber, Error, Posted, PostingKind, state};

/// The books at a head.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) head: Head,
    pub(super) domain_word: Word,
    pub(super) state: LiquidityState,
    pub(super) sums: AllSums,
    assets: BTreeSet<AssetId>,
    tips: BTreeMap<RollupId, Tip>,
    /// The heights that are free and were tried: their batches were evicted.
    tried: BTreeMap<(RollupId, Height), Tried>,
    /// Batches of the open epoch: the next one's number, and how many stand.
    next_place: u32,
    standing: usize,
    settled_elsewhere: Option<EpochNumber>,
    /// When the head's time was read, by this machine's clock.
    seen: Instant,
}

/// Where a rollup's last batch that stands left it.
#[derive(Clone, Debug)]
struct Tip {
    attempt: i32,
    tree: ExitTree,
}

/// What was evicted at a height at which no batch stands.
#[derive(Clone, Debug, Default)]
struct Tried {
    attempts: i32,
    /// Those that cannot be proven, as they are stored: they would only be evicted again, and whoever
    /// has read one could post it for ever. What went with another may come back; so may what was
    /// evicted because its rows here were damaged, since it is another one.
    unprovable: Vec<BatchParts>,
    /// The same of archived ones, by their digests: what was archived was not damaged.
    unprovable_digests: Vec<Word>,
}

/// A batch that was accepted, and all that is to be written of it.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    pub(super) batch: &'a Batch,
    pub(super) digest: Word,
    pub(super) body_digest: B256,
    pub(super) block: BlockNumber,
    pub(super) epoch: EpochNumber,
    pub(super) place_in_epoch: u32,
    /// The rollup's exits before it.
    pub(super) tree: ExitTree,
    /// The waiting node of each level after it.
    pub(super) exit_tree: Vec<u8>,
    /// Which batch of its height it is, and which of the height before it continues; from 1.
    pub(super) attempt: i32,
    pub(super) continued_attempt: i32,
}

const BATCH: Columns = Columns("batch");

impl Default for Tip {
    fn default() -> Self {
        Self { attempt: 1, tree: ExitTree::empty() }
    }
}

impl View {
    /// Whether it is of that place.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        let Head { epoch, block, hash, .. } = self.head;
        (epoch, block, hash) == (place.epoch, place.block, place.hash)
    }

    /// Takes over what a place says that the view is of.
    pub(super) fn see(&mut self, place: &Place) {
        self.head.now = place.now;
        self.settled_elsewhere = place.settled_elsewhere;
        self.seen = Instant::now();
    }

    /// The view a little later, if the books are still there: then the time is what it was when it was
    /// last read plus what has passed here since, in the microseconds that Postgres keeps.
    pub(super) fn pass_time(&mut self) {
        let passed = u64::try_from(self.seen.elapsed().as_micros()).unwrap_or(u64::MAX);
        // What is cut off now is not lost: it has passed the next time.
        let passed = Duration::from_micros(passed);
        if let Ok(by) = time::Duration::try_from(passed)
            && let (Some(now), Some(seen)) =
                (self.head.now.checked_add(by), self.seen.checked_add(passed))
        {
            self.head.now = now;
            self.seen = seen;
        }
    }

    /// Whether batches are taken any more, as far as was known when it was last looked for.
    pub(super) fn goes_on(&self) -> bool {
        self.settled_elsewhere.is_none()
    }

    /// Reads it. The caller holds the lock of the books, or reads one state of them.
    pub(super) async fn read(tx: &mut Tx<'_>, place: &Place) -> Result<Self, Error> {
        let head = Head::at(tx, place).await?;
        let assets = sqlx::query_scalar!("select asset_id from asset").fetch_all(&mut **tx).await?;
        let assets = assets.into_iter().map(|asset| Columns("asset").asset(asset));
        let (next_place, standing) = places(tx, head.epoch).await?;
        Ok(Self {
            state: state::at_head(tx, head.epoch).await?,
            sums: AllSums::all(tx).await?,
            assets: assets.collect::<Result<_, _>>()?,
            tips: tips(tx).await?,
            tried: tried(tx).await?,
            next_place,
            standing,
            settled_elsewhere: place.settled_elsewhere,
            seen: Instant::now(),
            domain_word: head.adoption.identity.word(),
            head,
        })
    }

    /// The height of each rollup's next batch.
    pub(super) fn next_heights(&self) -> BTreeMap<RollupId, Height> {
        self.state.rollups().map(|(rollup, state)| (rollup, state.next_height)).collect()
    }

    /// Books a batch in the view: what is to be written, with the block that goes with it. Refused, it
    /// leaves the view as it was.
    ///
    /// # Errors
    /// As [`crate::Ledger::post_batch`]. After any but a refusal the view is worth nothing.
    pub(super) fn accept<'a>(
        &mut self,
        checked: &'a Checked,
    ) -> Result<(Accepted<'a>, Block), Error> {
        self.accept_by(checked.batch(), |view| view.apply(checked))
    }

    /// The same of a batch that nobody has signed yet, which is for a view that nothing is written of.
    ///
    /// # Errors
    /// As [`Self::accept`], but for the signature.
    pub(super) fn accept_unsigned<'a>(
        &mut self,
        batch: &'a Batch,
    ) -> Result<(Accepted<'a>, Block), Error> {
        self.accept_by(batch, |view| {
            view.state.key_of(batch.rollup())?;
            let state = view.state.replay(&batch.head())?;
            Ok((state, batch.digest(view.domain_word), batch.parts().body_digest()))
        })
    }

    fn accept_by<'a>(
        &mut self,
        batch: &'a Batch,
        apply: impl FnOnce(&Self) -> Result<(LiquidityState, Word, B256), Refusal>,
    ) -> Result<(Accepted<'a>, Block), Error> {
        let rollup = batch.rollup();
        self.check_assets(batch)?;
        let (state, digest, body_digest) = apply(self)?;
        let Tip { attempt: continued_attempt, tree } =
            self.tips.get(&rollup).cloned().unwrap_or_default();
        let grown = batch.continue_exit_tree(&tree)?;
        self.check_open()?;
        self.check_held(batch)?;
        let attempt = self.next_attempt(batch, digest)?;
        let exit_tree = grown.waiting().iter().flat_map(|node| node.0).collect::<Vec<u8>>();
        let place_in_epoch = self.next_place;
        let place = BatchPlace {
            digest,
            body_digest,
            place_in_epoch,
            exits_before: tree.next_index().number(),
            exit_tree: &exit_tree,
        };
        let posting = hash::batch_posting(batch, place);
        let moves = batches::moves(batch);
        let block = self.head.make(&mut self.sums, PostingKind::Batch, posting, &moves)?;
        self.state = state;
        self.tips.insert(rollup, Tip { attempt, tree: grown });
        self.tried.remove(&(rollup, batch.height()));
        self.next_place = self.next_place.saturating_add(1);
        self.standing = self.standing.saturating_add(1);
        let accepted = Accepted {
            batch,
            digest,
            body_digest,
            block: block.number(),
            epoch: self.head.epoch,
            place_in_epoch,
            tree,
            exit_tree,
            attempt,
            continued_attempt,
        };
        Ok((accepted, block))
    }

    /// What an accepted batch is answered with.
    pub(super) fn answer(&self, accepted: &Accepted<'_>) -> Posted {
        Posted {
            rollup: accepted.batch.rollup(),
            height: accepted.batch.height(),
            block: accepted.block,
            epoch: accepted.epoch,
            digest: accepted.digest,
            posted_at: self.head.now,
            replayed: false,
        }
    }

    /// The reference transition, with the digests of the batch.
    fn apply(&self, checked: &Checked) -> Result<(LiquidityState, Word, B256), Refusal> {
        match checked {
            Checked::Signed(signed) => {
                let state = self.state.apply_signed(signed, self.domain_word)?;
                Ok((state, signed.digest(), signed.body_digest()))
            }
            Checked::Unsigned(batch) => {
                let operation = Operation::Batch(batch.clone());
                let state = self.state.apply(&operation, self.domain_word)?;
                Ok((state, batch.digest(self.domain_word), batch.parts().body_digest()))
            }
        }
    }

    fn check_assets(&self, batch: &Batch) -> Result<(), Refusal> {
        let mut assets = batch.lanes().iter().map(|lane| lane.asset);
        match assets.find(|asset| !self.assets.contains(asset)) {
            Some(asset) => Err(Refusal::UnknownAsset { asset }),
            None => Ok(()),
        }
    }

    /// Which batch of its height this one would be, if it may come.
    fn next_attempt(&self, batch: &Batch, digest: Word) -> Result<i32, Error> {
        let (rollup, height) = (batch.rollup(), batch.height());
        let Some(tried) = self.tried.get(&(rollup, height)) else { return Ok(1) };
        if tried.unprovable.contains(batch.parts()) || tried.unprovable_digests.contains(&digest) {
            return Err(Error::BatchUnprovable { rollup, height, digest });
        }
        Ok(tried.attempts.saturating_add(1))
    }

    /// Whether the batch leaves in its rollup's cells what is held of them. That they have what it takes
    /// is for the reference transition, which knows of no holds.
    fn check_held(&self, batch: &Batch) -> Result<(), Error> {
        let rollup = batch.rollup();
        let mut taken: BTreeMap<AssetId, u128> = BTreeMap::new();
        for lane in batch.lanes() {
            let sum = taken.entry(lane.asset).or_default();
            *sum = sum.saturating_add(lane.atoms.number());
        }
        for (asset, asked) in taken {
            let account = Account::Cell { rollup, asset };
            let Available { available, held } =
                self.sums.available(account).ok_or(Error::AccountOutOfBound { account })?;
            if asked > available {
                return Err(Error::AmountHeld { rollup, asset, asked, available, held });
            }
        }
        Ok(())
    }

    /// Whether the books go on, and the epoch has room among the batches that stand: evicted ones
    /// take no steps, and an epoch full of nothing else could never be sealed.
    fn check_open(&self) -> Result<(), Error> {
        if let Some(epoch) = self.settled_elsewhere {
            return Err(Error::SettledElsewhere { epoch });
        }
        let (epoch, limit) = (self.head.epoch, MAX_BATCHES_PER_EPOCH);
        if self.standing < limit { Ok(()) } else { Err(Error::EpochFull { epoch, limit }) }
    }
}

async fn tips(tx: &mut Tx<'_>) -> Result<BTreeMap<RollupId, Tip>, Error> {
    let rows = sqlx::query!(
        r#"select r.rollup_id, attempt, exits_after as "exits_after!", exit_tree
        from rollup r
        join lateral (
            select attempt, exits_after, exit_tree from batch b
            where b.rollup_id = r.rollup_id and not exists (
                select from batch_eviction e where e.reversed_block = b.block_number
            ) order by height desc limit 1
        ) last on true"#
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut tips = BTreeMap::new();
    for row in rows {
        let waiting =
            row.exit_tree.chunks(32).map(|node| BATCH.b256(node)).collect::<Result<Vec<_>, _>>()?;
        let tree = ExitTree::from_parts(BATCH.exit_index(row.exits_after)?, waiting);
        let tip = Tip { attempt: row.attempt, tree: tree.ok_or(BATCH.corrupt())? };
        tips.insert(BATCH.rollup(row.rollup_id)?, tip);
    }
    Ok(tips)
}

/// Of heights at which no batch stands: all that were tried there were evicted.
async fn tried(tx: &mut Tx<'_>) -> Result<BTreeMap<(RollupId, Height), Tried>, Error> {
    let rows = sqlx::query!(
        r#"select e.rollup_id, e.height, e.attempt, e.reversed_block, e.epoch_number, b.batch_digest,
            (cause_rollup_id, cause_height, cause_attempt) = (e.rollup_id, e.height, e.attempt)
                as "unprovable!"
        from batch_eviction e join batch b on b.block_number = e.reversed_block
        where not exists (
            select from batch s where s.rollup_id = e.rollup_id and s.height = e.height
                and not exists (
                    select from batch_eviction x where x.reversed_block = s.block_number
                )
        )"#
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut all = BTreeMap::<_, Tried>::new();
    for row in rows {
        let tried = all.entry((BATCH.rollup(row.rollup_id)?, BATCH.height(row.height)?));
        let tried = tried.or_default();
        tried.attempts = tried.attempts.max(row.attempt);
        if row.unprovable {
            let epoch = BATCH.epoch(row.epoch_number)?;
            let block = BlockRange::one(epoch, BATCH.block(row.reversed_block)?)?;
            match operations::batches(tx, block).await {
                Ok(stored) => tried.unprovable.extend(stored.into_values()),
                Err(Error::Archived { .. }) => {
                    tried.unprovable_digests.push(BATCH.word(&row.batch_digest)?);
                }
                // Damaged beyond reading, so not what anybody posts.
                Err(Error::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(all)
}

/// The next batch's number in the epoch, and how many of its batches stand.
async fn places(tx: &mut Tx<'_>, epoch: EpochNumber) -> Result<(u32, usize), Error> {
    let row = sqlx::query!(
        r#"select coalesce(max(place_in_epoch) + 1, 0) as "place!", count(*) - (
            select count(*) from batch_eviction where epoch_number = $1
        ) as "standing!"
        from batch where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    let standing = usize::try_from(row.standing).map_err(|_| BATCH.corrupt())?;
    Ok((BATCH.small(row.place)?, standing))
}
