//! What receipts and exit-kits have in common: the domain, the state that was settled, and by what.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use domain::{
    Asset, AssetId, Atoms, Cell, DomainId, DomainIdentity, EpochNumber, ExitRoot, Height, L2Root,
    Lane, LiquidityState, RollupId, RollupState, SettlementKey, Word, l1::L1Block,
};
use ledger::SettledEpoch;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Fault;

/// What everything in the file is bound to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundDomain {
    /// Chain id of L1 (EIP-155).
    pub chain_id: u64,
    /// The Settlement contract.
    #[schema(value_type = String)]
    pub settlement: Address,
    /// Which of the deployment's domains.
    #[schema(value_type = u32)]
    pub domain_id: DomainId,
    /// The verification key that the contract's verifier pins.
    #[schema(value_type = String)]
    pub verification_key_id: B256,
    /// The word that every signature carries, derived from the fields above.
    #[schema(value_type = String)]
    pub domain_word: Word,
}

/// An asset as L1 has it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetRecord {
    /// Its id.
    #[schema(value_type = u16)]
    pub asset: AssetId,
    /// Its ERC-20 contract; the zero address is Ether.
    #[schema(value_type = String)]
    pub token: Address,
    /// Decimals of the token.
    pub token_decimals: u8,
    /// Decimals of the ledger's unit.
    pub ledger_decimals: u8,
}

/// The total of a batch in one (asset, destination).
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LaneRecord {
    /// The asset.
    #[schema(value_type = u16)]
    pub asset: AssetId,
    /// The destination rollup; 0 is L1.
    #[schema(value_type = u16)]
    pub destination: RollupId,
    /// How much, in atoms.
    #[schema(value_type = String)]
    pub atoms: Atoms,
}

/// An epoch as it closed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Its number.
    #[schema(value_type = u64)]
    pub epoch: EpochNumber,
    /// When it was sealed.
    #[serde(with = "time::serde::rfc3339")]
    pub sealed_at: OffsetDateTime,
    /// The last journal block that belongs to it.
    pub last_block: u64,
    /// That block's hash.
    #[schema(value_type = String)]
    pub last_block_hash: B256,
    /// The digest of the state that it left: what L1 stored.
    #[schema(value_type = String)]
    pub closing_digest: Word,
    /// That state.
    pub closing: SettledState,
}

/// The state under a closing digest: what is not listed is unregistered or empty.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledState {
    /// The registered rollups.
    pub rollups: Vec<SettledRollup>,
    /// The cells that hold something.
    pub cells: Vec<SettledCell>,
}

/// A rollup in that state.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledRollup {
    /// The rollup.
    #[schema(value_type = u16)]
    pub rollup: RollupId,
    /// First coordinate of its key.
    #[schema(value_type = String)]
    pub key_x: Word,
    /// Second coordinate.
    #[schema(value_type = String)]
    pub key_y: Word,
    /// The height of its next batch.
    #[schema(value_type = u64)]
    pub next_height: Height,
    /// Its L2 root.
    #[schema(value_type = String)]
    pub l2_root: L2Root,
    /// Its exit root.
    #[schema(value_type = String)]
    pub exit_root: ExitRoot,
}

/// A cell in that state.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledCell {
    /// The rollup.
    #[schema(value_type = u16)]
    pub rollup: RollupId,
    /// The asset.
    #[schema(value_type = u16)]
    pub asset: AssetId,
    /// What it holds, in atoms.
    #[schema(value_type = String)]
    pub atoms: Atoms,
}

/// What settled the epoch on L1.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettlementRecord {
    /// The `l1_tx`.
    #[schema(value_type = String)]
    pub tx_hash: B256,
    /// The L1 block that holds it.
    pub block: BlockRecord,
    /// How many steps it proved; absent until its log is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// What it told L1 of the books; absent until its log is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub books: Option<B256>,
    /// Logs of the contract in it: `EpochSettled`, once booked, and `RollupSettled` of each rollup
    /// that the file is about.
    pub logs: Vec<RawLog>,
}

/// A block of L1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockRecord {
    /// Its number.
    pub number: u64,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: B256,
}

/// A log of the Settlement contract, as L1 keeps it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLog {
    /// The event's name.
    pub event: String,
    /// The hash of its signature, then its indexed values.
    #[schema(value_type = Vec<String>)]
    pub topics: Vec<B256>,
    /// Its other values.
    #[schema(value_type = String)]
    pub data: Bytes,
}

impl BoundDomain {
    pub(crate) fn of(identity: &DomainIdentity) -> Self {
        Self {
            chain_id: identity.chain_id,
            settlement: identity.settlement,
            domain_id: identity.domain_id,
            verification_key_id: identity.verification_key_id,
            domain_word: identity.word(),
        }
    }

    /// The domain's identity.
    #[must_use]
    pub fn identity(&self) -> DomainIdentity {
        DomainIdentity {
            chain_id: self.chain_id,
            settlement: self.settlement,
            domain_id: self.domain_id,
            verification_key_id: self.verification_key_id,
        }
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.identity().word() == self.domain_word { Ok(()) } else { Err(Fault::DomainWord) }
    }
}

impl AssetRecord {
    pub(crate) fn of(asset: &Asset) -> Self {
        Self {
            asset: asset.id(),
            token: asset.token(),
            token_decimals: asset.token_decimals(),
            ledger_decimals: asset.ledger_decimals(),
        }
    }

    /// The asset that it describes.
    ///
    /// # Errors
    /// [`Fault::Asset`] when there can be no such asset.
    pub fn read(&self) -> Result<Asset, Fault> {
        Asset::new(self.asset, self.token, self.token_decimals, self.ledger_decimals)
            .map_err(|_| Fault::Asset { asset: self.asset })
    }
}

impl LaneRecord {
    pub(super) fn of(lane: &Lane) -> Self {
        Self { asset: lane.asset, destination: lane.destination, atoms: lane.atoms }
    }

    pub(super) fn lane(&self) -> Lane {
        Lane { asset: self.asset, destination: self.destination, atoms: self.atoms }
    }
}

impl EpochRecord {
    pub(crate) fn of(settled: &SettledEpoch) -> Self {
        let sealed = &settled.sealed;
        Self {
            epoch: sealed.epoch,
            sealed_at: sealed.sealed_at,
            last_block: sealed.last_block.number(),
            last_block_hash: sealed.last_block_hash,
            closing_digest: sealed.closing_digest,
            closing: SettledState::of(&settled.closing),
        }
    }

    /// The state, which is the one under the digest.
    pub(super) fn check(&self) -> Result<LiquidityState, Fault> {
        let state = self.closing.read()?;
        let (said, found) = (self.closing_digest, state.digest());
        if said == found { Ok(state) } else { Err(Fault::StateDigest { said, found }) }
    }
}

impl SettledState {
    fn of(state: &LiquidityState) -> Self {
        let rollups = state.rollups().filter_map(|(rollup, one)| {
            one.key.map(|key| SettledRollup {
                rollup,
                key_x: key.x(),
                key_y: key.y(),
                next_height: one.next_height,
                l2_root: one.root,
                exit_root: one.exit_root,
            })
        });
        let cells = state.cells().filter(|(_, _, cell)| !cell.balance.is_zero());
        let cells =
            cells.map(|(rollup, asset, cell)| SettledCell { rollup, asset, atoms: cell.balance });
        Self { rollups: rollups.collect(), cells: cells.collect() }
    }

    fn read(&self) -> Result<LiquidityState, Fault> {
        let mut rollups = Vec::with_capacity(self.rollups.len());
        for one in &self.rollups {
            let key = SettlementKey::new(one.key_x, one.key_y);
            let key = key.map_err(|_| Fault::Rollup { rollup: one.rollup })?;
            rollups.push((
                one.rollup,
                RollupState {
                    key: Some(key),
                    next_height: one.next_height,
                    root: one.l2_root,
                    exit_root: one.exit_root,
                    active: false,
                },
            ));
        }
        let cells = self.cells.iter().map(|one| {
            let nothing = Atoms::ZERO;
            let cell =
                Cell { balance: one.atoms, deposited: nothing, exited: nothing, touched: false };
            (one.rollup, one.asset, cell)
        });
        let state = LiquidityState::from_parts(rollups, cells).map_err(Fault::State)?;
        // Twice, out of order or of nothing: another way to write the same state.
        if Self::of(&state) == *self { Ok(state) } else { Err(Fault::NotCanonical) }
    }
}

impl SettlementRecord {
    pub(crate) fn of(settled: &SettledEpoch, rollups: &[RollupId]) -> Self {
        let L1Block { number, hash } = settled.settlement.block;
        let logged = settled.logged.as_ref();
        let mut record = Self {
            tx_hash: settled.settlement.tx_hash,
            block: BlockRecord { number, hash },
            steps: logged.filter(|log| log.books.is_some()).map(|log| log.steps),
            books: logged.and_then(|log| log.books),
            logs: Vec::new(),
        };
        record.logs = record.expected_logs(
            settled.sealed.epoch,
            settled.sealed.closing_digest,
            &settled.closing,
            rollups,
        );
        record
    }

    /// The logs follow from the state; what they say of steps and books stands beside them.
    pub(super) fn check(
        &self,
        epoch: &EpochRecord,
        state: &LiquidityState,
        rollups: &[RollupId],
    ) -> Result<(), Fault> {
        let expected = self.expected_logs(epoch.epoch, epoch.closing_digest, state, rollups);
        let whole = self.steps.is_some() == self.books.is_some();
        if whole && self.logs == expected { Ok(()) } else { Err(Fault::Logs) }
    }

    fn expected_logs(
        &self,
        epoch: EpochNumber,
        digest: Word,
        state: &LiquidityState,
        rollups: &[RollupId],
    ) -> Vec<RawLog> {
        let number = |number: u64| B256::from(U256::from(number));
        let mut logs = Vec::new();
        if let (Some(steps), Some(books)) = (self.steps, self.books) {
            logs.push(RawLog::new(
                "EpochSettled",
                "EpochSettled(uint64,bytes32,uint256,bytes32)",
                &[number(epoch.number())],
                &[digest.to_bytes(), number(steps), books],
            ));
        }
        for rollup in rollups {
            let Ok(one) = state.rollup(*rollup) else { continue };
            let height = number(one.next_height.number());
            logs.push(RawLog::new(
                "RollupSettled",
                "RollupSettled(uint64,uint16,uint64,bytes32,bytes32)",
                &[number(epoch.number()), number(u64::from(rollup.number()))],
                &[height, one.root.bytes(), one.exit_root.bytes()],
            ));
        }
        logs
    }
}

impl RawLog {
    fn new(event: &str, signature: &str, indexed: &[B256], values: &[B256]) -> Self {
        let topics = std::iter::once(keccak256(signature)).chain(indexed.iter().copied());
        let data = values.iter().flat_map(|value| value.0).collect::<Vec<u8>>();
        Self { event: event.to_owned(), topics: topics.collect(), data: data.into() }
    }
}
