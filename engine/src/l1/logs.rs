//! The contract's logs as events of the domain.
//!
//! **Invariant:** each log in a range becomes one event, is one of those that the ledger has no use
//! for by name, or is an error. None is skipped because it could not be read.

use std::ops::RangeInclusive;

use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEventInterface;
use alloy::sol_types::abi::AbiDecoderConfig;
use alloy_primitives::Address;
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{Asset, AssetId, Atoms, Claim, EpochNumber, ExitIndex, RollupId, SettlementKey, Word};

use super::L1;
use super::bindings::Settlement::{self, SettlementEvents};
use crate::error::{AnswerFault, Error};

impl L1 {
    /// The contract's logs of the blocks `from..=to`, in L1 order. The caller bounds the range: nodes
    /// refuse long ones.
    ///
    /// # Errors
    /// [`Error::MalformedLog`] for a log that cannot be read, or whatever the node fails with.
    pub async fn logs(&self, from: u64, to: u64) -> Result<Vec<L1Log>, Error> {
        let filter = Filter::new().address(self.settlement()).from_block(from).to_block(to);
        let logs = self.provider.get_logs(&filter).await;
        let logs = logs.map_err(|error| Error::rpc("eth_getLogs", error))?;
        let mut events = Vec::with_capacity(logs.len());
        for log in &logs {
            let malformed = |fault| Error::MalformedLog {
                tx_hash: log.transaction_hash.unwrap_or_default(),
                log_index: log.log_index.unwrap_or_default(),
                fault,
            };
            events.extend(read(self.settlement(), log, &(from..=to)).map_err(malformed)?);
        }
        events.sort_by_key(|log| (log.block.number, log.id.log_index));
        Ok(events)
    }
}

/// `None` for a log that changes nothing in the ledger.
fn read(
    settlement: Address,
    log: &Log,
    range: &RangeInclusive<u64>,
) -> Result<Option<L1Log>, AnswerFault> {
    let address = log.address();
    if address != settlement {
        return Err(AnswerFault::Foreign { address });
    }
    if log.removed {
        return Err(AnswerFault::Removed);
    }
    let Place { id, block } = place(log)?;
    if !range.contains(&block.number) {
        return Err(AnswerFault::OutOfRange { block: block.number });
    }
    // By default the decoder drops dirty upper bits: a malformed amount would read as another one.
    let strict = AbiDecoderConfig::new().validate(true);
    let event = SettlementEvents::decode_log_with_config(&log.inner, strict)?;
    Ok(event_of(event.data)?.map(|event| L1Log { id, block, event }))
}

struct Place {
    id: L1LogId,
    block: L1Block,
}

fn place(log: &Log) -> Result<Place, AnswerFault> {
    Ok(Place {
        id: L1LogId {
            tx_hash: log.transaction_hash.ok_or(AnswerFault::missing("transactionHash"))?,
            log_index: log.log_index.ok_or(AnswerFault::missing("logIndex"))?,
        },
        block: L1Block {
            number: log.block_number.ok_or(AnswerFault::missing("blockNumber"))?,
            hash: log.block_hash.ok_or(AnswerFault::missing("blockHash"))?,
        },
    })
}

/// `None` for the events that change nothing in the ledger, each by name.
fn event_of(event: SettlementEvents) -> Result<Option<L1Event>, AnswerFault> {
    let event = match event {
        SettlementEvents::AssetRegistered(event) => L1Event::AssetRegistered(Asset::new(
            AssetId::new(event.asset),
            event.token,
            event.tokenDecimals,
            event.ledgerDecimals,
        )?),
        SettlementEvents::RollupRegistered(event) => L1Event::RollupRegistered {
            rollup: RollupId::new(event.rollup),
            key: SettlementKey::new(Word::from_uint(event.keyX)?, Word::from_uint(event.keyY)?)?,
        },
        SettlementEvents::Deposited(event) => L1Event::Deposited {
            rollup: RollupId::new(event.rollup),
            asset: AssetId::new(event.asset),
            depositor: event.depositor,
            atoms: Atoms::new(event.atoms.to::<u128>())?,
        },
        SettlementEvents::EpochSettled(event) => epoch_settled(&event)?,
        SettlementEvents::ClaimPaid(event) => L1Event::ClaimPaid {
            epoch: EpochNumber::new(event.epoch),
            claim: Claim {
                rollup: RollupId::new(event.rollup),
                index: ExitIndex::new(event.index),
                asset: AssetId::new(event.asset),
                recipient: event.recipient,
                atoms: Atoms::new(event.atoms.to::<u128>())?,
            },
        },
        // A claim that became a credit has its ClaimPaid too; the closings are the ledger's own. What is revoked takes
        // no deposit on L1, and in the ledger nothing changes.
        SettlementEvents::AssetRevoked(_)
        | SettlementEvents::RollupRevoked(_)
        | SettlementEvents::CreditAdded(_)
        | SettlementEvents::CreditWithdrawn(_)
        | SettlementEvents::CellSettled(_)
        | SettlementEvents::RollupSettled(_)
        | SettlementEvents::GuardianChanged(_)
        | SettlementEvents::SettlerChanged(_)
        | SettlementEvents::OwnershipTransferStarted(_)
        | SettlementEvents::OwnershipTransferred(_)
        | SettlementEvents::Paused(_)
        | SettlementEvents::Unpaused(_) => return Ok(None),
    };
    Ok(Some(event))
}

fn epoch_settled(event: &Settlement::EpochSettled) -> Result<L1Event, AnswerFault> {
    Ok(L1Event::EpochSettled {
        epoch: EpochNumber::new(event.epoch),
        state_digest: Word::from_bytes(event.stateDigest)?,
        steps: u64::try_from(event.steps).map_err(|_| AnswerFault::missing("steps"))?,
        books: event.books,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::sol_types::SolEvent;
    use alloy_primitives::{B256, Bytes, LogData};

    const SETTLEMENT: Address = Address::repeat_byte(5);

    fn deposited() -> Log {
        let event = Settlement::Deposited {
            rollup: 3,
            asset: 2,
            depositor: Address::repeat_byte(7),
            atoms: alloy_primitives::aliases::U96::from(9),
        };
        Log {
            inner: alloy_primitives::Log { address: SETTLEMENT, data: event.encode_log_data() },
            block_hash: Some(B256::repeat_byte(1)),
            block_number: Some(10),
            transaction_hash: Some(B256::repeat_byte(2)),
            log_index: Some(4),
            ..Log::default()
        }
    }

    fn check(change: impl FnOnce(&mut Log), expected: &str) {
        let mut log = deposited();
        change(&mut log);
        let fault = read(SETTLEMENT, &log, &(10..=10)).expect_err("malformed");
        assert!(fault.to_string().contains(expected), "{fault}");
    }

    fn with_data(log: &mut Log, topics: Vec<B256>, data: Bytes) {
        log.inner.data = LogData::new_unchecked(topics, data);
    }

    /// What the contract says is read to the last field.
    #[test]
    fn a_log_is_read() {
        let log = read(SETTLEMENT, &deposited(), &(10..=10)).expect("well formed");
        let expected = L1Log {
            id: L1LogId { tx_hash: B256::repeat_byte(2), log_index: 4 },
            block: L1Block { number: 10, hash: B256::repeat_byte(1) },
            event: L1Event::Deposited {
                rollup: RollupId::new(3),
                asset: AssetId::new(2),
                depositor: Address::repeat_byte(7),
                atoms: Atoms::new(9).expect("within the bound"),
            },
        };
        assert_eq!(log, Some(expected));
    }

    /// A log that cannot be read is an error, whatever is wrong with it.
    #[test]
    fn a_malformed_log_is_never_skipped() {
        check(|log| log.inner.address = Address::ZERO, "log of 0x0000");
        check(|log| log.removed = true, "reorg");
        check(|log| log.block_number = None, "blockNumber");
        check(|log| log.block_hash = None, "blockHash");
        check(|log| log.transaction_hash = None, "transactionHash");
        check(|log| log.log_index = None, "logIndex");
        check(|log| log.block_number = Some(11), "block 11");
        let topics = deposited().topics().to_vec();
        check(|log| with_data(log, topics.clone(), Bytes::new()), "ABI");
        check(|log| with_data(log, topics.clone(), Bytes::from([0xff; 32])), "ABI");
        check(|log| with_data(log, vec![B256::repeat_byte(9)], Bytes::new()), "ABI");
        check(|log| with_data(log, vec![], Bytes::new()), "ABI");
    }

    /// A key that is no point of the curve is an error too, not a rollup without a key.
    #[test]
    fn a_bad_key_is_an_error() {
        let event = Settlement::RollupRegistered {
            rollup: 1,
            keyX: alloy_primitives::U256::ZERO,
            keyY: alloy_primitives::U256::ZERO,
        };
        check(|log| log.inner.data = event.encode_log_data(), "settlement key");
    }
}
