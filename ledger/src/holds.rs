//! Two-phase transfers: what waits for finality is held first, then posted or released.
//!
//! **Invariant:** a hold reserves an amount between two accounts and moves nothing. It ends once: by
//! the posting that moves what was held and names the hold, or by a release. What is held of an
//! account cannot be spent by anything but that posting. Holds and releases are blocks of the journal
//! without transfers, and no operations: no epoch's plan, digest or count knows of them.
//!
//! What waits today are deposits that L1 has shown in a block that is not final enough. They can only
//! come or go with that block, so nobody decides about them: [`Ledger::hold_seen_deposits`] is told what
//! L1 shows, and makes the holds be that.

mod rows;
mod seen;

#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Log, L1LogId};
use domain::limits::MAX_OPEN_HOLDS;
use serde::{Deserialize, Serialize};

use crate::connection::Tx;
use crate::hash::{self, HoldFields};
use crate::l1_logs::{check_order, cursor};
use crate::posting::{self, AllSums, Block, Head, Move};
use crate::{BlockNumber, Error, Ledger, PostingKind};

use rows::Turn;

pub(crate) use seen::{open_of, release_passed};

/// Why a hold was released.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReleaseReason {
    /// A reorg dropped the block, and L1 shows what it waited for no more.
    Reorg,
    /// A reorg dropped the block, and L1 shows it in another one, or on other terms.
    Moved,
}

/// What came of looking at L1's newest blocks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HeldDeposits {
    /// Deposits that are held now and were not before.
    pub held: u32,
    /// Holds that were released.
    pub released: u32,
    /// Deposits that L1 shows and that are not held: their cell is not registered yet, it or custody
    /// could not take that much, or as many are held as may be. They are booked once they are final.
    pub passed_over: u32,
}

/// A hold that has not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenHold {
    pub(crate) block: BlockNumber,
    pub(crate) hash: B256,
    pub(crate) held: Move,
}

/// A hold to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewHold<'a> {
    pub(crate) held: Move,
    /// What it waits for.
    pub(crate) cause: &'a str,
    pub(crate) seen: Option<SeenDeposit>,
}

/// The deposit behind a hold, where L1 shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeenDeposit {
    pub(crate) depositor: Address,
    pub(crate) log: L1LogId,
    pub(crate) block: L1Block,
    /// The hold of the same log before, which was released.
    pub(crate) previous: Option<BlockNumber>,
}

impl ReleaseReason {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Reorg => 1,
            Self::Moved => 2,
        }
    }

    pub(crate) fn from_code(code: i16) -> Option<Self> {
        match code {
            1 => Some(Self::Reorg),
            2 => Some(Self::Moved),
            _ => None,
        }
    }
}

impl Ledger {
    /// Makes the holds be what L1 shows: `logs` are all of the blocks after the cursor and up to the tip,
    /// in L1's order. Deposits that are new there are held, and holds whose deposit is not there any
    /// more, in that block and on those terms, are released. Calling it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NoDomain`], [`Error::L1LogOutside`]. Nothing is held or released then.
    pub async fn hold_seen_deposits(
        &self,
        logs: &[L1Log],
        tip: L1Block,
    ) -> Result<HeldDeposits, Error> {
        let mut tx = self.write().await?;
        let mut head = Head::read(&mut tx).await?;
        check_order(logs, tip)?;
        let after = cursor(&mut tx).await?.map(|cursor| cursor.number);
        let open = seen::open_after(&mut tx, after).await?;
        let (gone, new) = seen::compare(logs, after, &open);
        head.release(&mut tx, &gone).await?;
        let room = MAX_OPEN_HOLDS.saturating_sub(open.len().saturating_sub(gone.len()));
        let taken = seen::take(&mut tx, &new, room).await?;
        head.hold(&mut tx, &taken).await?;
        if !(gone.is_empty() && taken.is_empty()) {
            tx.commit().await?;
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(HeldDeposits {
            held: count(taken.len()),
            released: count(gone.len()),
            passed_over: count(new.len().saturating_sub(taken.len())),
        })
    }
}

impl Head {
    /// Holds moves. That each account has what is held of it, and can take what is held for it, is for
    /// the caller to know.
    pub(crate) async fn hold(
        &mut self,
        tx: &mut Tx<'_>,
        holds: &[NewHold<'_>],
    ) -> Result<Vec<BlockNumber>, Error> {
        if holds.is_empty() {
            return Ok(Vec::new());
        }
        let blocks = holds
            .iter()
            .map(|NewHold { held, cause, seen }| {
                let fields = HoldFields { held: *held, cause, seen: seen.as_ref() };
                self.mark(PostingKind::Hold, hash::hold_posting(&fields))
            })
            .collect::<Result<Vec<_>, _>>()?;
        posting::insert_blocks(tx, &blocks).await?;
        let numbers: Vec<BlockNumber> = blocks.iter().map(Block::number).collect();
        rows::insert_holds(tx, self.epoch, &numbers, holds).await?;
        let turns: Vec<Turn> = numbers
            .iter()
            .zip(holds)
            .map(|(block, hold)| Turn { block: *block, held: hold.held, ends: false })
            .collect();
        rows::move_held(tx, &turns).await?;
        Ok(numbers)
    }

    /// Releases holds.
    pub(crate) async fn release(
        &mut self,
        tx: &mut Tx<'_>,
        gone: &[(OpenHold, ReleaseReason)],
    ) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        let blocks = gone
            .iter()
            .map(|(hold, reason)| {
                let posting = hash::release_posting(hold.block, hold.hash, reason.code());
                self.mark(PostingKind::Release, posting)
            })
            .collect::<Result<Vec<_>, _>>()?;
        posting::insert_blocks(tx, &blocks).await?;
        for (block, (hold, reason)) in blocks.iter().zip(gone) {
            let kind = PostingKind::Release;
            rows::insert_end(tx, self.epoch, hold, (block.number(), kind), Some(*reason)).await?;
        }
        let turns: Vec<Turn> = blocks
            .iter()
            .zip(gone)
            .map(|(block, (hold, _))| Turn { block: block.number(), held: hold.held, ends: true })
            .collect();
        rows::move_held(tx, &turns).await
    }

    /// Posts what a hold holds, as a block that ends the hold.
    pub(crate) async fn post_held(
        &mut self,
        tx: &mut Tx<'_>,
        kind: PostingKind,
        posting: B256,
        hold: &OpenHold,
    ) -> Result<BlockNumber, Error> {
        let mut sums = AllSums::of_both(tx, &hold.held).await?;
        sums.end(&hold.held).ok_or(Error::Drift { block: hold.block })?;
        let posting = hash::posted(posting, hold.block, hold.hash);
        let blocks = [self.make(&mut sums, kind, posting, &[hold.held])?];
        posting::insert_blocks(tx, &blocks).await?;
        // First the end, so that nothing that is held is ever spent, not even by its own transfer.
        rows::insert_end(tx, self.epoch, hold, (self.block, kind), None).await?;
        let turn = Turn { block: self.block, held: hold.held, ends: true };
        rows::move_held(tx, &[turn]).await?;
        posting::write_transfers(tx, &blocks, &sums).await?;
        Ok(self.block)
    }

    /// Makes a block that moves nothing.
    fn mark(&mut self, kind: PostingKind, posting: B256) -> Result<Block, Error> {
        self.make(&mut AllSums::default(), kind, posting, &[])
    }
}
