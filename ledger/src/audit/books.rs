//! The books under an epoch's seal: the trial balance of then, its digest, and what we told L1 of it.

use alloy_primitives::B256;

use super::epoch::Closed;
use super::epoch::more;
use super::fault::{FaultKind, Row, Stop};
use super::{Auditor, Sums};
use crate::column::{Columns, epoch_key};
use crate::{Books, ClosingAccount, Sealed, epochs};

const BOOKS: Columns = Columns("epoch_books");

impl Auditor<'_> {
    /// Every account stood at the seal as the journal has it there, and the digest is that of all of
    /// them. An epoch that was sealed before books were kept has none.
    pub(super) async fn sealed_books(&mut self, sealed: &Sealed) -> Result<(), Stop> {
        let epoch = sealed.epoch;
        let name = Row::EpochBooks(epoch);
        let recorded = name.reads(epochs::closing_accounts(&mut self.tx, epoch).await)?;
        self.counts.epoch_balances = more(self.counts.epoch_balances, recorded.len());
        if let Some(digest) = sealed.books {
            let accounts = self.stood_at(epoch, recorded)?;
            let (last_block, last_block_hash) = (sealed.last_block, sealed.last_block_hash);
            let books = Books { epoch, last_block, last_block_hash, accounts };
            name.check(books.digest() == digest, FaultKind::HashDiffers)?;
            let count = sqlx::query_scalar!(
                "select account_count from epoch_books where epoch_number = $1",
                epoch_key(epoch)
            )
            .fetch_one(&mut *self.tx)
            .await?;
            let same = usize::try_from(count) == Ok(books.accounts.len());
            name.check(same, FaultKind::DiffersFromSource)?;
        } else if let Some(stray) = recorded.first() {
            return Err(Row::EpochBalance { epoch, account: stray.account }.is(FaultKind::Stray));
        }
        Ok(())
    }

    /// The recorded accounts, if they are those of the journal.
    fn stood_at(
        &self,
        epoch: domain::EpochNumber,
        recorded: Vec<ClosingAccount>,
    ) -> Result<Vec<ClosingAccount>, Stop> {
        let mut books = self.books.clone();
        for one in &recorded {
            let name = Row::EpochBalance { epoch, account: one.account };
            let expected = books.remove(&one.account);
            let expected = expected.ok_or_else(|| name.is(FaultKind::Stray))?;
            // What is held is not under the digest: it moves nothing.
            let sums = Sums {
                debits: one.debits,
                credits: one.credits,
                transfers: one.transfers,
                last_block: one.last_block.number(),
                ..expected
            };
            name.check(sums == expected, FaultKind::DiffersFromSource)?;
        }
        match books.into_iter().find(|(_, sums)| sums.transfers > 0) {
            None => Ok(recorded),
            Some((account, _)) => Err(Row::EpochBalance { epoch, account }.is(FaultKind::Missing)),
        }
    }

    /// A settlement that we signed said what was sealed; a stranger's may have said anything.
    pub(super) async fn told_to_l1(&mut self, closed: &Closed) -> Result<(), Stop> {
        let told = sqlx::query_scalar!(
            "select books_digest from l1_settlement_books join l1_settlement l using (epoch_number)
            where epoch_number = $1 and exists (
                select from epoch_submission s where s.tx_hash = l.tx_hash
            )",
            epoch_key(closed.epoch)
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(told) = told else { return Ok(()) };
        let name = Row::L1SettlementBooks(closed.epoch);
        let told: B256 = name.reads(BOOKS.b256(&told))?;
        name.check(told == closed.books.unwrap_or_default(), FaultKind::DiffersFromSource)
    }
}
