//! The receipt of one exit: from the batch that a rollup signed to the state that L1 settled.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use domain::{
    AssetId, Atoms, BatchParts, Claim, DomainIdentity, ExitIndex, ExitRoot, Height, L2Root,
    LiquidityState, RollupId, Signature, Word, chain_hash,
};
use ledger::{ClaimStatus, ExitEvidence};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{AssetRecord, BoundDomain, EpochRecord, Fault, LaneRecord, SettlementRecord};
use crate::exits::call;

/// Everything that proves one settled exit.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// `netfold.receipt.v1`
    #[schema(example = "netfold.receipt.v1")]
    pub format: String,
    /// What everything is bound to.
    pub domain: BoundDomain,
    /// The asset of the exit.
    pub asset: AssetRecord,
    /// The exit.
    pub exit: ReceiptExit,
    /// The batch that lists it.
    pub posting: PostedHeader,
    /// The epoch that it settled in.
    pub epoch: EpochRecord,
    /// The 32 siblings from the exit's leaf to the exit root of its rollup in `epoch.closing`, bottom up.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<B256>,
    /// What settled that epoch on L1.
    pub settlement: SettlementRecord,
    /// How the exit is claimed, or what paid it.
    pub claim: ReceiptClaim,
    /// Keccak-256 of all the rest as compact JSON, in this order. It finds damage; who wants to deceive
    /// makes it anew.
    #[schema(value_type = String)]
    pub checksum: B256,
}

/// The exit of a receipt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptExit {
    /// The rollup that it left.
    #[schema(value_type = u16)]
    pub rollup: RollupId,
    /// Its number among the rollup's exits.
    #[schema(value_type = u32)]
    pub index: ExitIndex,
    /// The asset.
    #[schema(value_type = u16)]
    pub asset: AssetId,
    /// Who is paid on L1.
    #[schema(value_type = String)]
    pub recipient: Address,
    /// How much, in atoms.
    #[schema(value_type = String)]
    pub atoms: Atoms,
    /// The same in the asset's ledger decimals.
    pub amount: String,
    /// Its leaf in the rollup's exit tree.
    #[schema(value_type = String)]
    pub leaf: B256,
}

/// A batch as it was signed, with the digest of its list in the list's place.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostedHeader {
    /// Its number among the rollup's batches.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The L2 root that it continues.
    #[schema(value_type = String)]
    pub previous_root: L2Root,
    /// The L2 root that it leads to.
    #[schema(value_type = String)]
    pub new_root: L2Root,
    /// The root of the rollup's exit tree after it.
    #[schema(value_type = String)]
    pub exit_root: ExitRoot,
    /// Keccak-256 over its list of transfers and exits.
    #[schema(value_type = String)]
    pub body_digest: B256,
    /// Its totals.
    pub lanes: Vec<LaneRecord>,
    /// The word that was signed.
    #[schema(value_type = String)]
    pub digest: Word,
    /// The rollup's signature over it.
    #[schema(value_type = crate::SignatureRequest)]
    pub signature: Signature,
    /// The 32 siblings from the exit's leaf to `exit_root`, bottom up.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<B256>,
    /// The journal block that booked it.
    pub block: u64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub posted_at: OffsetDateTime,
}

/// How an exit is claimed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptClaim {
    /// Whether it has been paid, as far as the ledger had booked L1.
    pub status: PaidStatus,
    /// The `l1_tx` that paid it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub paid_by: Option<B256>,
    /// The contract to call.
    #[schema(value_type = String)]
    pub to: Address,
    /// The call of `claim` that anybody may send.
    #[schema(value_type = String)]
    pub data: Bytes,
}

/// Whether a settled exit has been paid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaidStatus {
    /// Anybody may send its claim.
    Claimable,
    /// L1 has paid it.
    Paid,
}

impl Receipt {
    /// What such a file says of itself.
    pub const FORMAT: &'static str = "netfold.receipt.v1";

    pub(crate) fn of(
        evidence: &ExitEvidence,
        identity: &DomainIdentity,
        asset: &domain::Asset,
    ) -> Result<Self, Fault> {
        let ExitEvidence { exit, batch, epoch, .. } = evidence;
        let claim = exit.claim;
        let (status, paid_by) = match &exit.status {
            ClaimStatus::Paid { log } => (PaidStatus::Paid, Some(log.tx_hash)),
            _ => (PaidStatus::Claimable, None),
        };
        let data = call(exit.epoch.number(), &claim, &evidence.settled_path);
        let receipt = Self {
            format: Self::FORMAT.to_owned(),
            domain: BoundDomain::of(identity),
            asset: AssetRecord::of(asset),
            exit: ReceiptExit {
                rollup: claim.rollup,
                index: claim.index,
                asset: claim.asset,
                recipient: claim.recipient,
                atoms: claim.atoms,
                amount: claim.atoms.to_decimal_string(asset.ledger_decimals()),
                leaf: claim.leaf(),
            },
            posting: PostedHeader {
                height: batch.height,
                previous_root: batch.previous_root,
                new_root: batch.new_root,
                exit_root: batch.exit_root,
                body_digest: evidence.body_digest,
                lanes: batch.lanes.iter().map(LaneRecord::of).collect(),
                digest: batch.digest,
                signature: batch.signature,
                path: evidence.posted_path.clone(),
                block: batch.block.number(),
                posted_at: batch.posted_at,
            },
            epoch: EpochRecord::of(epoch),
            path: evidence.settled_path.clone(),
            settlement: SettlementRecord::of(epoch, &[claim.rollup]),
            claim: ReceiptClaim { status, paid_by, to: identity.settlement, data: data.into() },
            checksum: B256::ZERO,
        };
        receipt.sealed()
    }

    /// Reads a receipt and checks all that it can show by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let value: Value = serde_json::from_slice(bytes)?;
        let receipt: Self = serde_json::from_slice(bytes)?;
        if serde_json::to_value(&receipt)? != value {
            return Err(Fault::NotCanonical);
        }
        receipt.check()?;
        Ok(receipt)
    }

    /// The same with the checksum of what it says.
    ///
    /// # Errors
    /// Never, for what can be written as JSON.
    pub fn sealed(self) -> Result<Self, Fault> {
        let checksum = self.expected_checksum()?;
        Ok(Self { checksum, ..self })
    }

    /// The exit as L1 pays it.
    #[must_use]
    pub fn exit_claim(&self) -> Claim {
        let ReceiptExit { rollup, index, asset, recipient, atoms, .. } = self.exit;
        Claim { rollup, index, asset, recipient, atoms }
    }

    fn check(&self) -> Result<(), Fault> {
        if self.format != Self::FORMAT {
            return Err(Fault::UnknownFormat { expected: Self::FORMAT });
        }
        if self.checksum != self.expected_checksum()? {
            return Err(Fault::Altered);
        }
        self.domain.check()?;
        self.check_exit()?;
        let state = self.epoch.check()?;
        self.check_posting(&state)?;
        self.check_settled(&state)?;
        self.settlement.check(&self.epoch, &state, &[self.exit.rollup])?;
        self.check_claim()
    }

    fn expected_checksum(&self) -> Result<B256, Fault> {
        let mut rest = serde_json::to_vec(&Self { checksum: B256::ZERO, ..self.clone() })?;
        // The checksum stands last: what is before it is all the rest, closed again.
        let tail =
            serde_json::to_string(&B256::ZERO)?.len().saturating_add(r#","checksum":}"#.len());
        rest.truncate(rest.len().saturating_sub(tail));
        rest.push(b'}');
        Ok(keccak256(rest))
    }

    fn check_exit(&self) -> Result<(), Fault> {
        let exit = &self.exit;
        let asset = self.asset.read()?;
        if asset.id() != exit.asset {
            return Err(Fault::Asset { asset: exit.asset });
        }
        let (rollup, index) = (exit.rollup, exit.index);
        if exit.amount != exit.atoms.to_decimal_string(asset.ledger_decimals()) {
            return Err(Fault::Amount { rollup, index });
        }
        if exit.leaf == self.exit_claim().leaf() {
            Ok(())
        } else {
            Err(Fault::Leaf { rollup, index })
        }
    }

    /// The rollup's registered key signed the batch, and the exit is under its exit root.
    fn check_posting(&self, state: &LiquidityState) -> Result<(), Fault> {
        let posting = &self.posting;
        let ReceiptExit { rollup, index, .. } = self.exit;
        let header = BatchParts {
            rollup,
            height: posting.height,
            previous_root: posting.previous_root,
            new_root: posting.new_root,
            exit_root: posting.exit_root,
            transfers: Vec::new(),
            exits: Vec::new(),
            lanes: posting.lanes.iter().map(LaneRecord::lane).collect(),
            signature: posting.signature,
        };
        let words = header.words_over(self.domain.domain_word, posting.body_digest);
        // A lane of nothing hashes as the place of a lane that there is not.
        let is_padded = posting.lanes.iter().any(|lane| lane.atoms.is_zero());
        if is_padded
            || posting.lanes.len() > domain::limits::LANES_PER_BATCH
            || chain_hash("netfold.batch.v1", &words) != posting.digest
        {
            return Err(Fault::BatchDigest);
        }
        let key = state.key_of(rollup).map_err(|_| Fault::Rollup { rollup })?;
        if !key.verifies(posting.digest, &posting.signature) {
            return Err(Fault::Signature { rollup });
        }
        let to_l1 =
            |lane: &&LaneRecord| (lane.destination, lane.asset) == (RollupId::L1, self.exit.asset);
        if posting.lanes.iter().find(to_l1).is_none_or(|lane| lane.atoms < self.exit.atoms) {
            return Err(Fault::Lane);
        }
        if self.exit_claim().proven_by(&posting.path, posting.exit_root) {
            Ok(())
        } else {
            Err(Fault::PostedPath { rollup, index })
        }
    }

    fn check_settled(&self, state: &LiquidityState) -> Result<(), Fault> {
        let ReceiptExit { rollup, index, .. } = self.exit;
        let closed = state.rollup(rollup).map_err(|_| Fault::Rollup { rollup })?;
        if closed.next_height <= self.posting.height {
            return Err(Fault::Height);
        }
        if self.exit_claim().proven_by(&self.path, closed.exit_root) {
            Ok(())
        } else {
            Err(Fault::SettledPath { rollup, index })
        }
    }

    fn check_claim(&self) -> Result<(), Fault> {
        let claim = &self.claim;
        let data = call(self.epoch.epoch.number(), &self.exit_claim(), &self.path);
        if claim.to != self.domain.settlement || claim.data.as_ref() != data.as_slice() {
            return Err(Fault::Call);
        }
        let paid = claim.status == PaidStatus::Paid;
        if paid == claim.paid_by.is_some() { Ok(()) } else { Err(Fault::Status) }
    }
}
