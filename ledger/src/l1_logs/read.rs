//! What was booked of L1, log by log: to be held against L1.

use alloy_primitives::Address;
use domain::l1::{L1Event, L1Log};
use domain::{Asset, Claim};

use crate::column::{Columns, lookup};
use crate::{Error, Ledger};

const LOG: Columns = Columns("l1_log");

/// A log's row beside the one of each table that it may have made.
struct Row {
    tx_hash: Vec<u8>,
    log_index: i64,
    l1_block_number: i64,
    l1_block_hash: Vec<u8>,
    /// As in the schema: 1 asset, 2 rollup, 3 deposit, 5 claim, 6 settlement.
    log_kind: i16,
    rollup_id: Option<i32>,
    asset_id: Option<i32>,
    /// Token, depositor or recipient.
    account: Option<Vec<u8>>,
    atoms: Option<rust_decimal::Decimal>,
    token_decimals: Option<i16>,
    ledger_decimals: Option<i16>,
    key_x: Option<Vec<u8>>,
    key_y: Option<Vec<u8>>,
    epoch_number: Option<i64>,
    exit_index: Option<i64>,
    state_digest: Option<Vec<u8>>,
    step_count: Option<i64>,
    books_digest: Option<Vec<u8>>,
}

impl Ledger {
    /// The logs that were booked of L1's blocks `from..=to`, in L1's order.
    ///
    /// # Errors
    /// When Postgres fails, or a log's row has not the one that it made.
    pub async fn l1_logs(&self, from: u64, to: u64) -> Result<Vec<L1Log>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"select l.tx_hash, l.log_index, l1_block_number, l1_block_hash, l.log_kind,
                coalesce(r.rollup_id, d.rollup_id, c.rollup_id) as rollup_id,
                coalesce(a.asset_id, d.asset_id, c.asset_id) as asset_id,
                coalesce(a.token, d.depositor, c.recipient)::bytea as account,
                coalesce(d.atoms, c.atoms)::numeric as atoms,
                token_decimals as "token_decimals?", ledger_decimals as "ledger_decimals?",
                key_x as "key_x?", key_y as "key_y?",
                coalesce(c.proven_epoch_number, s.epoch_number) as epoch_number,
                exit_index as "exit_index?", state_digest as "state_digest?",
                step_count as "step_count?", books_digest as "books_digest?"
            from l1_log l
            left join asset a on l.log_kind = 1
                and (a.tx_hash, a.log_index) = (l.tx_hash, l.log_index)
            left join rollup r on l.log_kind = 2
                and (r.tx_hash, r.log_index) = (l.tx_hash, l.log_index)
            left join deposit d on l.log_kind = 3
                and (d.tx_hash, d.log_index) = (l.tx_hash, l.log_index)
            left join claim c on l.log_kind = 5
                and (c.tx_hash, c.log_index) = (l.tx_hash, l.log_index)
            left join l1_settlement s on l.log_kind = 6
                and (s.tx_hash, s.log_index) = (l.tx_hash, l.log_index)
            left join l1_settlement_books b on b.epoch_number = s.epoch_number
            where l1_block_number between $1 and $2 order by l1_block_number, l.log_index"#,
            lookup(from),
            lookup(to)
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(L1Log {
                    id: LOG.log(&row.tx_hash, row.log_index)?,
                    block: LOG.l1_block(row.l1_block_number, &row.l1_block_hash)?,
                    event: row.event()?,
                })
            })
            .collect()
    }
}

impl Row {
    fn event(&self) -> Result<L1Event, Error> {
        Ok(match self.log_kind {
            1 => L1Event::AssetRegistered(self.asset()?),
            2 => {
                let (x, y) = (there(self.key_x.as_deref())?, there(self.key_y.as_deref())?);
                L1Event::RollupRegistered {
                    rollup: LOG.rollup(there(self.rollup_id)?)?,
                    key: LOG.key(x, y)?,
                }
            }
            3 => L1Event::Deposited {
                rollup: LOG.rollup(there(self.rollup_id)?)?,
                asset: LOG.asset(there(self.asset_id)?)?,
                depositor: self.account()?,
                atoms: LOG.atoms(there(self.atoms)?)?,
            },
            5 => L1Event::ClaimPaid {
                epoch: LOG.epoch(there(self.epoch_number)?)?,
                claim: Claim {
                    rollup: LOG.rollup(there(self.rollup_id)?)?,
                    index: LOG.exit_index(there(self.exit_index)?)?,
                    asset: LOG.asset(there(self.asset_id)?)?,
                    recipient: self.account()?,
                    atoms: LOG.atoms(there(self.atoms)?)?,
                },
            },
            6 => L1Event::EpochSettled {
                epoch: LOG.epoch(there(self.epoch_number)?)?,
                state_digest: LOG.word(there(self.state_digest.as_deref())?)?,
                steps: LOG.number(there(self.step_count)?)?,
                books: LOG.b256(there(self.books_digest.as_deref())?)?,
            },
            _ => return Err(LOG.corrupt()),
        })
    }

    fn asset(&self) -> Result<Asset, Error> {
        let decimals =
            |number: Option<i16>| u8::try_from(there(number)?).map_err(|_| LOG.corrupt());
        let (token, ledger) = (decimals(self.token_decimals)?, decimals(self.ledger_decimals)?);
        Asset::new(LOG.asset(there(self.asset_id)?)?, self.account()?, token, ledger)
            .map_err(|_| LOG.corrupt())
    }

    fn account(&self) -> Result<Address, Error> {
        LOG.address(there(self.account.as_deref())?)
    }
}

/// A log whose row is not there made nothing, which cannot be.
fn there<T>(value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| LOG.corrupt())
}
