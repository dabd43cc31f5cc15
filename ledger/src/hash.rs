//! The journal's hash chain: what a block's hash is over.
//!
//! **Invariant:** every digest is SHA-256 over fields of fixed width behind a tag of its own, so
//! that no two different contents have one encoding. A block covers its posting and, by a Merkle
//! root, each of its transfers; and through the hash before it everything before.
//!
//! ```text
//! transfer = sha256(0x00 ‖ position ‖ asset ‖ debit ‖ credit ‖ atoms ‖ balances ‖ recipient)
//! node     = sha256(0x01 ‖ left ‖ right)            a lone last node moves up as it is
//! content  = sha256(0x02 ‖ posting ‖ root of the transfers)
//! posting  = sha256(0x03 ‖ posting ‖ hold ‖ its block's hash)    of a posting that posts a hold
//! block    = sha256("netfold.block.v1" ‖ previous ‖ number ‖ epoch ‖ kind ‖ transfers ‖ time ‖ content)
//! event    = sha256("netfold.event.v1" ‖ previous ‖ number ‖ kind ‖ epoch ‖ what it names ‖ time ‖ content)
//! ```

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1LogId};
use domain::{Asset, AssetId, Atoms, Batch, Claim, EpochNumber, RollupId, SettlementKey, Word};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::column::signature_bytes;
use crate::holds::SeenDeposit;
use crate::posting::Move;
use crate::{Account, BatchAttempt, BlockNumber, EventNumber, PostingKind};

/// What a transfer's digest is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TransferFields {
    /// Its position in its block, from 0.
    pub position: u32,
    /// The debited account.
    pub debit: Account,
    /// The credited account.
    pub credit: Account,
    /// The asset of both.
    pub asset: AssetId,
    /// How much.
    pub atoms: Atoms,
    /// What the debited account held after it.
    pub debit_balance: Atoms,
    /// What the credited account held after it.
    pub credit_balance: Atoms,
    /// Who receives it on the destination, of what a batch lists.
    pub recipient: Option<Address>,
}

/// What a block's hash is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFields {
    pub(crate) previous_hash: B256,
    pub(crate) number: BlockNumber,
    pub(crate) epoch: EpochNumber,
    pub(crate) kind: PostingKind,
    pub(crate) transfers: u32,
    pub(crate) posted_at: OffsetDateTime,
    pub(crate) content: B256,
}

/// What an event's hash is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventFields {
    pub(crate) previous_hash: B256,
    pub(crate) number: EventNumber,
    pub(crate) kind: i16,
    pub(crate) epoch: EpochNumber,
    pub(crate) block: Option<i64>,
    pub(crate) ordinal: Option<i32>,
    pub(crate) rollup: Option<i32>,
    pub(crate) height: Option<i64>,
    pub(crate) recorded_at: OffsetDateTime,
    pub(crate) content: B256,
}

/// Where a batch landed: what its posting holds beside the batch itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchPlace<'a> {
    pub(crate) digest: Word,
    pub(crate) body_digest: B256,
    pub(crate) place_in_epoch: u32,
    pub(crate) exits_before: u32,
    pub(crate) exit_tree: &'a [u8],
}

/// What the reversal of an evicted batch is over, its transfers aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReversalFields<'a> {
    pub(crate) batch: BatchAttempt,
    pub(crate) reversed: BlockNumber,
    pub(crate) reversed_hash: B256,
    pub(crate) cause: BatchAttempt,
    pub(crate) reason: &'a str,
}

/// What a hold is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HoldFields<'a> {
    pub(crate) held: Move,
    pub(crate) cause: &'a str,
    pub(crate) seen: Option<&'a SeenDeposit>,
}

impl TransferFields {
    pub(crate) fn digest(&self) -> B256 {
        let mut hash = Sha256::new_with_prefix([0x00]);
        hash.update(self.position.to_be_bytes());
        hash.update(self.asset.number().to_be_bytes());
        hash.update(self.debit.number().to_be_bytes());
        hash.update(self.credit.number().to_be_bytes());
        for atoms in [self.atoms, self.debit_balance, self.credit_balance] {
            hash.update(atoms.number().to_be_bytes());
        }
        hash.update([u8::from(self.recipient.is_some())]);
        hash.update(self.recipient.unwrap_or_default());
        finish(hash)
    }
}

impl BlockFields {
    pub(crate) fn hash(&self) -> B256 {
        let mut hash = Sha256::new_with_prefix("netfold.block.v1");
        hash.update(self.previous_hash);
        hash.update(self.number.number().to_be_bytes());
        hash.update(self.epoch.number().to_be_bytes());
        hash.update([self.kind.code()]);
        hash.update(self.transfers.to_be_bytes());
        hash.update(self.posted_at.unix_timestamp_nanos().to_be_bytes());
        hash.update(self.content);
        finish(hash)
    }
}

/// The Merkle root of a block's transfers; zero without any.
pub(crate) fn root(transfers: impl IntoIterator<Item = B256>) -> B256 {
    let mut level: Vec<B256> = transfers.into_iter().collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    finish(Sha256::new_with_prefix([0x01]).chain_update(left).chain_update(right))
                }
                [lone] => *lone,
                _ => B256::ZERO,
            })
            .collect();
    }
    level.first().copied().unwrap_or_default()
}

pub(crate) fn content(posting: B256, transfers_root: B256) -> B256 {
    let hash = Sha256::new_with_prefix([0x02]);
    finish(hash.chain_update(posting).chain_update(transfers_root))
}

/// As the schema's `append_event` makes it.
pub(crate) fn event(event: &EventFields) -> B256 {
    let hash = Sha256::new_with_prefix("netfold.event.v1")
        .chain_update(event.previous_hash)
        .chain_update(event.number.number().to_be_bytes())
        .chain_update(event.kind.to_be_bytes())
        .chain_update(event.epoch.number().to_be_bytes())
        .chain_update(event.block.unwrap_or(0).to_be_bytes())
        .chain_update(event.ordinal.unwrap_or(0).to_be_bytes())
        .chain_update(event.rollup.unwrap_or(0).to_be_bytes())
        .chain_update(event.height.unwrap_or(0).to_be_bytes())
        .chain_update(postgres_microseconds(event.recorded_at).to_be_bytes());
    finish(hash.chain_update(event.content))
}

/// The hash of a made-up block of so many transfers, with all that is hashed for one: for measuring.
pub(crate) fn sample(transfers: u32, previous_hash: B256) -> B256 {
    let asset = AssetId::new(1);
    let of = |position| TransferFields {
        position,
        debit: Account::Cell { rollup: RollupId::new(1), asset },
        credit: Account::Cell { rollup: RollupId::new(2), asset },
        asset,
        atoms: Atoms::MAX,
        debit_balance: Atoms::MAX,
        credit_balance: Atoms::MAX,
        recipient: Some(Address::ZERO),
    };
    let fields = BlockFields {
        previous_hash,
        number: BlockNumber::new(1),
        epoch: EpochNumber::FIRST,
        kind: PostingKind::Batch,
        transfers,
        posted_at: OffsetDateTime::UNIX_EPOCH,
        content: content(previous_hash, root((0..transfers).map(|position| of(position).digest()))),
    };
    fields.hash()
}

/// Microseconds from 1970-01-01 to 2000-01-01.
const POSTGRES_EPOCH: i128 = 946_684_800_000_000;

/// Microseconds since 2000-01-01, as Postgres counts and sends them.
fn postgres_microseconds(moment: OffsetDateTime) -> i64 {
    let microseconds = moment.unix_timestamp_nanos().div_euclid(1000);
    i64::try_from(microseconds.saturating_sub(POSTGRES_EPOCH)).unwrap_or(i64::MAX)
}

/// Bytes of any length under their own digest, as `sha256(…)` in the schema.
pub(crate) fn bytes(bytes: &[u8]) -> B256 {
    finish(Sha256::new_with_prefix(bytes))
}

pub(crate) fn asset_posting(asset: &Asset, log: L1LogId, block: L1Block) -> B256 {
    let hash = posting(PostingKind::Asset)
        .chain_update(asset.id().number().to_be_bytes())
        .chain_update(asset.token())
        .chain_update([asset.token_decimals(), asset.ledger_decimals()]);
    finish(from_l1(hash, log, block))
}

pub(crate) fn rollup_posting(
    rollup: RollupId,
    key: &SettlementKey,
    log: L1LogId,
    block: L1Block,
) -> B256 {
    let hash = posting(PostingKind::Rollup)
        .chain_update(rollup.number().to_be_bytes())
        .chain_update(key.x().to_bytes())
        .chain_update(key.y().to_bytes());
    finish(from_l1(hash, log, block))
}

pub(crate) fn deposit_posting(
    cell: (RollupId, AssetId),
    depositor: Address,
    atoms: Atoms,
    log: L1LogId,
    block: L1Block,
) -> B256 {
    let hash = posting(PostingKind::Deposit)
        .chain_update(cell.0.number().to_be_bytes())
        .chain_update(cell.1.number().to_be_bytes())
        .chain_update(depositor)
        .chain_update(atoms.number().to_be_bytes());
    finish(from_l1(hash, log, block))
}

pub(crate) fn claim_posting(
    epoch: EpochNumber,
    claim: &Claim,
    log: L1LogId,
    block: L1Block,
) -> B256 {
    let hash = posting(PostingKind::Claim)
        .chain_update(epoch.number().to_be_bytes())
        .chain_update(claim.rollup.number().to_be_bytes())
        .chain_update(claim.index.number().to_be_bytes())
        .chain_update(claim.asset.number().to_be_bytes())
        .chain_update(claim.recipient)
        .chain_update(claim.atoms.number().to_be_bytes());
    finish(from_l1(hash, log, block))
}

pub(crate) fn batch_posting(batch: &Batch, place: BatchPlace<'_>) -> B256 {
    let parts = batch.parts();
    let mut hash = posting(PostingKind::Batch)
        .chain_update(parts.rollup.number().to_be_bytes())
        .chain_update(parts.height.number().to_be_bytes())
        .chain_update(parts.previous_root.bytes())
        .chain_update(parts.new_root.bytes())
        .chain_update(parts.exit_root.bytes())
        .chain_update(place.body_digest)
        .chain_update(place.digest.to_bytes())
        .chain_update(signature_bytes(&parts.signature))
        .chain_update(place.place_in_epoch.to_be_bytes())
        .chain_update(place.exits_before.to_be_bytes())
        .chain_update(bytes(place.exit_tree));
    for count in [parts.transfers.len(), parts.exits.len(), parts.lanes.len()] {
        hash.update(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }
    for lane in &parts.lanes {
        hash.update(lane.word().to_bytes());
    }
    finish(hash)
}

pub(crate) fn reversal_posting(reversal: &ReversalFields<'_>) -> B256 {
    let mut hash = posting(PostingKind::Reversal)
        .chain_update(reversal.reversed.number().to_be_bytes())
        .chain_update(reversal.reversed_hash);
    for batch in [reversal.batch, reversal.cause] {
        hash.update(batch.rollup.number().to_be_bytes());
        hash.update(batch.height.number().to_be_bytes());
        hash.update(batch.attempt.to_be_bytes());
    }
    finish(hash.chain_update(bytes(reversal.reason.as_bytes())))
}

pub(crate) fn hold_posting(hold: &HoldFields<'_>) -> B256 {
    let hash = posting(PostingKind::Hold)
        .chain_update(hold.held.debit.number().to_be_bytes())
        .chain_update(hold.held.credit.number().to_be_bytes())
        .chain_update(hold.held.atoms.number().to_be_bytes())
        .chain_update(bytes(hold.cause.as_bytes()))
        .chain_update([u8::from(hold.seen.is_some())]);
    let Some(SeenDeposit { depositor, log, block, previous }) = hold.seen else {
        return finish(hash);
    };
    let previous = previous.map_or(0, BlockNumber::number).to_be_bytes();
    finish(from_l1(hash.chain_update(depositor).chain_update(previous), *log, *block))
}

/// `reason` as the schema numbers it.
pub(crate) fn release_posting(hold: BlockNumber, hash: B256, reason: u8) -> B256 {
    let release = posting(PostingKind::Release)
        .chain_update(hold.number().to_be_bytes())
        .chain_update(hash)
        .chain_update([reason]);
    finish(release)
}

/// A posting that posts a hold.
pub(crate) fn posted(posting: B256, hold: BlockNumber, hash: B256) -> B256 {
    let posted = Sha256::new_with_prefix([0x03])
        .chain_update(posting)
        .chain_update(hold.number().to_be_bytes())
        .chain_update(hash);
    finish(posted)
}

fn posting(kind: PostingKind) -> Sha256 {
    Sha256::new_with_prefix("netfold.posting.v1").chain_update([kind.code()])
}

fn from_l1(hash: Sha256, log: L1LogId, block: L1Block) -> Sha256 {
    hash.chain_update(log.tx_hash)
        .chain_update(log.log_index.to_be_bytes())
        .chain_update(block.number.to_be_bytes())
        .chain_update(block.hash)
}

fn finish(hash: Sha256) -> B256 {
    B256::new(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(position: u32) -> TransferFields {
        let asset = AssetId::new(1);
        TransferFields {
            position,
            debit: Account::Custody { asset },
            credit: Account::Cell { rollup: RollupId::new(2), asset },
            asset,
            atoms: Atoms::new(5).unwrap(),
            debit_balance: Atoms::new(6).unwrap(),
            credit_balance: Atoms::new(7).unwrap(),
            recipient: None,
        }
    }

    /// Every field of a transfer is in its digest.
    #[test]
    fn a_digest_covers_every_field() {
        let base = transfer(0);
        let one = Atoms::new(1).unwrap();
        let mut digests = vec![
            base.digest(),
            transfer(1).digest(),
            TransferFields { debit: base.credit, ..base }.digest(),
            TransferFields { credit: base.debit, ..base }.digest(),
            TransferFields { asset: AssetId::new(2), ..base }.digest(),
            TransferFields { atoms: one, ..base }.digest(),
            TransferFields { debit_balance: one, ..base }.digest(),
            TransferFields { credit_balance: one, ..base }.digest(),
            TransferFields { recipient: Some(Address::ZERO), ..base }.digest(),
            TransferFields { recipient: Some(Address::repeat_byte(1)), ..base }.digest(),
        ];
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 10);
    }

    #[test]
    fn a_root_covers_every_transfer_and_their_order() {
        let digests: Vec<B256> = (0..5).map(|position| transfer(position).digest()).collect();
        let of = |picked: &[usize]| root(picked.iter().map(|index| digests[*index]));
        let mut roots =
            vec![of(&[]), of(&[0]), of(&[0, 1]), of(&[1, 0]), of(&[0, 1, 2]), of(&[0, 1, 2, 3, 4])];
        assert_eq!(of(&[]), B256::ZERO);
        roots.sort();
        roots.dedup();
        assert_eq!(roots.len(), 6);
    }
}
