//! The wire form of a batch: what a rollup posts.
//!
//! **Invariant:** what is read is exactly what was signed: every amount is exact, every field is
//! known, and a batch that leaves as a request reads back as the same batch.

use alloy_primitives::{Address, B256};
use domain::{
    BatchParts, Exit, ExitRoot, Height, L2Root, Lane, Refusal, RollupId, Signature, Transfer, Word,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{BodyError, Error},
    json::{Field, Object, Place},
    money::Assets,
};

/// One rollup's signed state transition.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// Whose transition.
    #[schema(example = 1, minimum = 1, maximum = 16)]
    pub rollup: u16,
    /// Its number among the rollup's batches, from 0, without gaps.
    #[schema(example = 0)]
    pub height: u64,
    /// The L2 root that it continues; 32 zero bytes for the first batch.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    pub previous_root: String,
    /// The L2 root that it leads to.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    pub new_root: String,
    /// The root of the rollup's exit tree after the listed exits.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    pub exit_root: String,
    /// Value moving to other rollups. At most 1,000 transfers and exits together.
    #[schema(max_items = 1000)]
    pub transfers: Vec<TransferRequest>,
    /// Value moving to L1.
    #[schema(max_items = 1000)]
    pub exits: Vec<ExitRequest>,
    /// The totals per (asset, destination), in ascending order; destination 0 for the exits.
    #[schema(max_items = 8)]
    pub lanes: Vec<LaneRequest>,
    /// The signature over the batch digest.
    pub signature: SignatureRequest,
}

/// A rollup's state transition, to be tried: as [`BatchRequest`], and it may not be signed yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialRequest {
    /// Whose transition.
    #[schema(example = 1, minimum = 1, maximum = 16)]
    rollup: u16,
    /// Its number among the rollup's batches, from 0, without gaps.
    #[schema(example = 0)]
    height: u64,
    /// The L2 root that it continues; 32 zero bytes for the first batch.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    previous_root: String,
    /// The L2 root that it leads to.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    new_root: String,
    /// The root of the rollup's exit tree after the listed exits.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    exit_root: String,
    /// Value moving to other rollups. At most 1,000 transfers and exits together.
    #[schema(max_items = 1000)]
    transfers: Vec<TransferRequest>,
    /// Value moving to L1.
    #[schema(max_items = 1000)]
    exits: Vec<ExitRequest>,
    /// The totals per (asset, destination), in ascending order; destination 0 for the exits.
    #[schema(max_items = 8)]
    lanes: Vec<LaneRequest>,
    /// The signature over the batch digest. Left out, it is not asked for.
    #[schema(required = false, nullable = false)]
    signature: Option<SignatureRequest>,
}

/// Value moving to another rollup.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// The destination.
    #[schema(example = 2, minimum = 1, maximum = 16)]
    pub to: u16,
    /// The asset.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    pub asset: u16,
    /// How much, in the asset's ledger decimals.
    #[schema(example = "12.5", pattern = "^(0|[1-9][0-9]*)([.][0-9]+)?$")]
    pub amount: String,
    /// Who receives it on the destination.
    #[schema(pattern = "^0x[0-9a-fA-F]{40}$")]
    pub recipient: String,
}

/// Value moving to an L1 account.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExitRequest {
    /// The asset.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    pub asset: u16,
    /// How much, in the asset's ledger decimals.
    #[schema(example = "12.5", pattern = "^(0|[1-9][0-9]*)([.][0-9]+)?$")]
    pub amount: String,
    /// Who is paid on L1.
    #[schema(pattern = "^0x[0-9a-fA-F]{40}$")]
    pub recipient: String,
}

/// The total of the batch in one (asset, destination).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LaneRequest {
    /// The asset.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    pub asset: u16,
    /// The destination rollup; 0 is L1.
    #[schema(example = 2, maximum = 16)]
    pub destination: u16,
    /// How much, in the asset's ledger decimals.
    #[schema(example = "12.5", pattern = "^(0|[1-9][0-9]*)([.][0-9]+)?$")]
    pub amount: String,
}

/// An `EdDSA` signature over `BabyJubJub` with Poseidon, in circomlib's form.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureRequest {
    /// First coordinate of R8, 32 bytes big-endian.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    pub r8x: String,
    /// Second coordinate of R8, 32 bytes big-endian.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    pub r8y: String,
    /// The scalar S, 32 bytes big-endian.
    #[schema(pattern = "^0x[0-9a-fA-F]{64}$")]
    pub s: String,
}

impl BatchRequest {
    /// The request that posts a batch, with amounts in these assets' ledger decimals.
    #[must_use]
    pub fn new(parts: &BatchParts, assets: &[domain::Asset]) -> Self {
        Self::of(parts, &Assets::new(assets.iter().copied()))
    }

    pub(super) fn of(parts: &BatchParts, assets: &Assets) -> Self {
        let amount = |asset, atoms| assets.amount(asset, atoms).amount;
        Self {
            rollup: parts.rollup.number(),
            height: parts.height.number(),
            previous_root: parts.previous_root.to_string(),
            new_root: parts.new_root.to_string(),
            exit_root: parts.exit_root.to_string(),
            transfers: parts
                .transfers
                .iter()
                .map(|t| TransferRequest {
                    to: t.to.number(),
                    asset: t.asset.number(),
                    amount: amount(t.asset, t.atoms),
                    recipient: t.recipient.to_string(),
                })
                .collect(),
            exits: parts
                .exits
                .iter()
                .map(|exit| ExitRequest {
                    asset: exit.asset.number(),
                    amount: amount(exit.asset, exit.atoms),
                    recipient: exit.recipient.to_string(),
                })
                .collect(),
            lanes: parts
                .lanes
                .iter()
                .map(|lane| LaneRequest {
                    asset: lane.asset.number(),
                    destination: lane.destination.number(),
                    amount: amount(lane.asset, lane.atoms),
                })
                .collect(),
            signature: SignatureRequest::of(&parts.signature),
        }
    }
}

impl SignatureRequest {
    /// The wire form of a signature.
    #[must_use]
    pub fn of(signature: &Signature) -> Self {
        let [r8x, r8y] = signature.r8().map(|word| word.to_string());
        Self { r8x, r8y, s: signature.s().to_string() }
    }
}

/// Reads a batch's parts out of a body.
pub(super) fn read_batch(body: Field, assets: &Assets) -> Result<BatchParts, Error> {
    let mut body = body.object()?;
    let parts = read_parts(&mut body, assets)?;
    let parts = BatchParts { signature: read_signature(body.take("signature")?)?, ..parts };
    body.finish()?;
    Ok(parts)
}

/// Reads the parts of a batch that may not be signed yet, and whether it is. One that is not has in its
/// signature's place what verifies nothing.
pub(crate) fn read_trial(body: Field, assets: &Assets) -> Result<(BatchParts, bool), Error> {
    let mut body = body.object()?;
    let mut parts = read_parts(&mut body, assets)?;
    let is_signed = body.has("signature");
    if is_signed {
        parts.signature = read_signature(body.take("signature")?)?;
    }
    body.finish()?;
    Ok((parts, is_signed))
}

/// All fields but the signature.
fn read_parts(body: &mut Object, assets: &Assets) -> Result<BatchParts, Error> {
    let rollup = read_rollup(&body.take("rollup")?)?;
    Ok(BatchParts {
        rollup,
        height: Height::new(body.take("height")?.integer()?),
        previous_root: L2Root::new(read_hash(body, "previous_root")?),
        new_root: L2Root::new(read_hash(body, "new_root")?),
        exit_root: ExitRoot::new(read_hash(body, "exit_root")?),
        transfers: read_list(body, "transfers", |item| read_transfer(item, assets))?,
        exits: read_list(body, "exits", |item| read_exit(item, assets))?,
        lanes: read_list(body, "lanes", |item| read_lane(item, assets))?,
        signature: Signature::new([Word::ZERO; 2], B256::ZERO)
            .map_err(|error| Error::Key { error, place: Place::default() })?,
    })
}

fn read_list<T>(
    body: &mut Object,
    name: &'static str,
    read: impl Fn(&mut Object) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let items = body.take(name)?.list()?;
    items
        .into_iter()
        .map(|item| {
            let mut item = item.object()?;
            let value = read(&mut item)?;
            item.finish()?;
            Ok(value)
        })
        .collect()
}

fn read_transfer(item: &mut Object, assets: &Assets) -> Result<Transfer, Error> {
    let to = read_rollup(&item.take("to")?)?;
    let asset = assets.read_id(&item.take("asset")?)?;
    let atoms = assets.read_amount(asset, &item.take("amount")?)?;
    Ok(Transfer { to, asset, atoms, recipient: read_address(item)? })
}

fn read_exit(item: &mut Object, assets: &Assets) -> Result<Exit, Error> {
    let asset = assets.read_id(&item.take("asset")?)?;
    let atoms = assets.read_amount(asset, &item.take("amount")?)?;
    Ok(Exit { asset, atoms, recipient: read_address(item)? })
}

fn read_lane(item: &mut Object, assets: &Assets) -> Result<Lane, Error> {
    let asset = assets.read_id(&item.take("asset")?)?;
    let destination = RollupId::new(item.take("destination")?.integer()?);
    let atoms = assets.read_amount(asset, &item.take("amount")?)?;
    Ok(Lane { asset, destination, atoms })
}

/// A rollup id within the domain's shape. L1 stays: whether it may stand there, the batch says.
fn read_rollup(field: &Field) -> Result<RollupId, Error> {
    let rollup = RollupId::new(field.integer()?);
    if rollup == RollupId::L1 || rollup.slot().is_some() {
        Ok(rollup)
    } else {
        let refusal = Refusal::UnknownRollup { rollup };
        Err(Error::RefusedField { refusal, place: field.place() })
    }
}

fn read_address(item: &mut Object) -> Result<Address, BodyError> {
    Ok(Address::new(item.take("recipient")?.bytes()?))
}

fn read_hash(body: &mut Object, name: &'static str) -> Result<B256, BodyError> {
    Ok(B256::new(body.take(name)?.bytes()?))
}

fn read_signature(field: Field) -> Result<Signature, Error> {
    let mut signature = field.object()?;
    let r8 = [read_word(&mut signature, "r8x")?, read_word(&mut signature, "r8y")?];
    let s = signature.take("s")?;
    let parsed = Signature::new(r8, B256::new(s.bytes()?))
        .map_err(|error| Error::Key { error, place: s.place() })?;
    signature.finish()?;
    Ok(parsed)
}

fn read_word(body: &mut Object, name: &'static str) -> Result<Word, BodyError> {
    let field = body.take(name)?;
    Word::from_bytes(B256::new(field.bytes()?))
        .map_err(|_| field.invalid("below the order of BN254's scalar field"))
}
