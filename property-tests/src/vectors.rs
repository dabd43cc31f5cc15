//! The golden vectors: one history whose every digest and encoding is pinned, read by Rust and by
//! Foundry alike.
//!
//! **Invariant:** numbers are decimal strings, hashes and words 0x-hex of 32 bytes, so that no
//! reader rounds.

use alloy_primitives::{Address, B256};
use domain::{
    AssetId, Atoms, Batch, BatchParts, CellClosing, Claim, DomainId, DomainIdentity, EpochNumber,
    EpochStatement, Exit, ExitRoot, ExitTree, ExitTreeHistory, Height, L2Root, LiquidityState,
    Operation, Refusal, RollupClosing, RollupId, SigningKey, StepContext, StepOutput, Transfer,
    Word, plan_steps,
};
use serde::{Deserialize, Serialize};

/// All vectors.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Vectors {
    /// A domain and its word.
    pub domain: DomainVector,
    /// Digest of the state before the first epoch.
    pub genesis_digest: B256,
    /// Root of an exit tree without exits.
    pub empty_exit_root: B256,
    /// The exits of rollup 1, each with its leaf and its path.
    pub claims: Vec<ClaimVector>,
    /// The root over [`Vectors::claims`].
    pub exit_root: B256,
    /// The first batch of rollup 1.
    pub batch: BatchVector,
    /// The epoch that folds it.
    pub epoch: EpochVector,
}

/// A domain's identity and its word.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DomainVector {
    /// Chain id of L1.
    pub chain_id: String,
    /// The Settlement contract.
    pub settlement: Address,
    /// Which domain.
    pub domain_id: String,
    /// The pinned key.
    pub verification_key_id: B256,
    /// [`DomainIdentity::word`].
    pub word: Word,
}

/// A claim, its leaf and its path.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ClaimVector {
    /// The rollup.
    pub rollup: String,
    /// The exit's number.
    pub index: String,
    /// The asset.
    pub asset: String,
    /// Who is paid.
    pub recipient: Address,
    /// How much.
    pub atoms: String,
    /// [`Claim::leaf`].
    pub leaf: B256,
    /// 32 siblings, bottom up.
    pub path: Vec<B256>,
}

/// A signed batch and everything derived from it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct BatchVector {
    /// [`BatchParts::body_digest`].
    pub body_digest: B256,
    /// [`BatchParts::digest_words`].
    pub digest_words: Vec<Word>,
    /// [`Batch::digest`].
    pub digest: Word,
    /// The signer's coordinates.
    pub key: [Word; 2],
    /// `R8` of the signature.
    pub r8: [Word; 2],
    /// `S` of the signature.
    pub s: B256,
}

/// An epoch's statement, as L1 gets it and as it reads it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct EpochVector {
    /// The epoch.
    pub epoch: String,
    /// The state digest before it.
    pub opening_digest: Word,
    /// The state digest after it.
    pub closing_digest: Word,
    /// Per step all words that it shows.
    pub outputs: Vec<Vec<Word>>,
    /// The words that L1 gets of them, step after step.
    pub steps: Vec<Word>,
    /// What the emitted words say of cells.
    pub cells: Vec<CellVector>,
    /// What the emitted words say of rollups.
    pub rollups: Vec<RollupVector>,
}

/// A closing cell.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CellVector {
    /// The rollup.
    pub rollup: String,
    /// The asset.
    pub asset: String,
    /// Closing balance.
    pub balance: String,
    /// Deposited in the epoch.
    pub deposited: String,
    /// Exited in the epoch.
    pub exited: String,
}

/// A closing rollup.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RollupVector {
    /// The rollup.
    pub rollup: String,
    /// The height of its next batch.
    pub next_height: String,
    /// Its L2 root.
    pub l2_root: B256,
    /// Its exit root.
    pub exit_root: B256,
    /// Its key.
    pub key: [Word; 2],
}

const ONE: RollupId = RollupId::new(1);
const TWO: RollupId = RollupId::new(2);

impl Vectors {
    /// Computes all vectors from the model.
    ///
    /// # Errors
    /// A refusal would mean that the model has changed so far that the history is no longer valid.
    pub fn compute() -> Result<Self, Refusal> {
        let identity = DomainIdentity {
            chain_id: 31337,
            settlement: Address::repeat_byte(0x5e),
            domain_id: DomainId::new(1),
            verification_key_id: B256::repeat_byte(0x7a),
        };
        let (batch, claims) = signed_batch(identity.word())?;
        let exit_root = batch.parts().exit_root.bytes();
        let statement = statement(identity, &batch)?;
        Ok(Self {
            domain: DomainVector {
                chain_id: identity.chain_id.to_string(),
                settlement: identity.settlement,
                domain_id: identity.domain_id.to_string(),
                verification_key_id: identity.verification_key_id,
                word: identity.word(),
            },
            genesis_digest: LiquidityState::genesis().digest().to_bytes(),
            empty_exit_root: ExitTree::empty().root().bytes(),
            claims: claim_vectors(&claims),
            exit_root,
            batch: batch_vector(&batch, identity.word()),
            epoch: epoch_vector(&statement),
        })
    }

    /// The committed form: pretty JSON with a final newline.
    ///
    /// # Errors
    /// None for this type; serde's signature has one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

fn key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed(B256::left_padding_from(&rollup.number().to_be_bytes()).0)
}

/// A batch of rollup 1 with two transfers to rollup 2 and three exits in two assets.
fn signed_batch(domain_word: Word) -> Result<(Batch, Vec<Claim>), Refusal> {
    let atoms = |number| Atoms::new(number).unwrap_or(Atoms::ZERO);
    let (first, second) = (AssetId::new(1), AssetId::new(2));
    let recipient = Address::repeat_byte;
    let transfers = vec![
        Transfer { to: TWO, asset: first, atoms: atoms(1_000), recipient: recipient(0x11) },
        Transfer { to: TWO, asset: first, atoms: atoms(1), recipient: recipient(0x12) },
    ];
    let exits = vec![
        Exit { asset: first, atoms: atoms(7), recipient: recipient(0x21) },
        Exit { asset: second, atoms: atoms(1 << 90), recipient: recipient(0x22) },
        Exit { asset: first, atoms: atoms(8), recipient: recipient(0x23) },
    ];
    let mut parts = BatchParts {
        rollup: ONE,
        height: Height::FIRST,
        previous_root: L2Root::UNSET,
        new_root: L2Root::new(B256::repeat_byte(0xa1)),
        exit_root: ExitRoot::UNSET,
        lanes: Batch::sum_lanes(ONE, &transfers, &exits)?,
        transfers,
        exits,
        signature: key(ONE).sign(Word::ZERO),
    };
    let tree = ExitTree::empty();
    let claims = Batch::new(parts.clone())?.claims(&tree)?;
    let full = Refusal::ExitTreeFull { rollup: ONE };
    let tree = claims.iter().try_fold(tree, |tree, claim| tree.append(claim.leaf())).ok_or(full)?;
    parts.exit_root = tree.root();
    parts.signature = key(ONE).sign(parts.digest(domain_word));
    Ok((Batch::new(parts)?, claims))
}

fn statement(identity: DomainIdentity, batch: &Batch) -> Result<EpochStatement, Refusal> {
    let deposit =
        |asset: u16, atoms| Operation::Deposit { rollup: ONE, asset: AssetId::new(asset), atoms };
    let operations = [
        Operation::Register { rollup: ONE, key: key(ONE).public() },
        Operation::Register { rollup: TWO, key: key(TWO).public() },
        deposit(1, Atoms::new(5_000).unwrap_or(Atoms::ZERO)),
        deposit(2, Atoms::new(1 << 91).unwrap_or(Atoms::ZERO)),
        Operation::Batch(Box::new(batch.clone())),
    ];
    let context = StepContext { domain_word: identity.word(), epoch: EpochNumber::FIRST };
    let genesis = LiquidityState::genesis();
    let opening_digest = genesis.digest();
    let (mut state, mut outputs) = (genesis, Vec::<StepOutput>::new());
    for step in plan_steps(&operations)? {
        let previous = outputs.last().map_or(Word::ZERO, |output| output.emission_digest);
        let (next, output) = step.run(&state, context, previous)?;
        state = next;
        outputs.push(output);
    }
    Ok(EpochStatement { identity, epoch: EpochNumber::FIRST, opening_digest, outputs })
}

fn claim_vectors(claims: &[Claim]) -> Vec<ClaimVector> {
    let history = ExitTreeHistory::new(claims.iter().map(Claim::leaf).collect());
    claims
        .iter()
        .map(|claim| ClaimVector {
            rollup: claim.rollup.to_string(),
            index: claim.index.to_string(),
            asset: claim.asset.to_string(),
            recipient: claim.recipient,
            atoms: claim.atoms.to_string(),
            leaf: claim.leaf(),
            path: history.path(claim.index).unwrap_or_default(),
        })
        .collect()
}

fn batch_vector(batch: &Batch, domain_word: Word) -> BatchVector {
    let (public, parts) = (key(ONE).public(), batch.parts());
    BatchVector {
        body_digest: parts.body_digest(),
        digest_words: parts.digest_words(domain_word),
        digest: batch.digest(domain_word),
        key: [public.x(), public.y()],
        r8: parts.signature.r8(),
        s: parts.signature.s(),
    }
}

fn epoch_vector(statement: &EpochStatement) -> EpochVector {
    let (cells, rollups) = statement.closings().unwrap_or_default();
    EpochVector {
        epoch: statement.epoch.to_string(),
        opening_digest: statement.opening_digest,
        closing_digest: statement.closing_digest(),
        outputs: statement.outputs.iter().map(StepOutput::words).collect(),
        steps: statement.outputs.iter().flat_map(StepOutput::compact_words).collect(),
        cells: cells.iter().map(cell_vector).collect(),
        rollups: rollups.iter().map(rollup_vector).collect(),
    }
}

fn cell_vector(cell: &CellClosing) -> CellVector {
    CellVector {
        rollup: cell.rollup.to_string(),
        asset: cell.asset.to_string(),
        balance: cell.balance.to_string(),
        deposited: cell.deposited.to_string(),
        exited: cell.exited.to_string(),
    }
}

fn rollup_vector(rollup: &RollupClosing) -> RollupVector {
    RollupVector {
        rollup: rollup.rollup.to_string(),
        next_height: rollup.next_height.to_string(),
        l2_root: rollup.root.bytes(),
        exit_root: rollup.exit_root.bytes(),
        key: rollup.key,
    }
}
