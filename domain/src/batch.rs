//! Batches: one rollup's signed state transition.

mod signed;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{
    AssetId, Atoms, Claim, ExitRoot, ExitTree, Height, L2Root, Refusal, RollupId, Signature, Word,
    chain_hash,
    limits::{LANES_PER_BATCH, MAX_TRANSFERS_PER_BATCH},
};

pub use signed::SignedBatch;
pub(crate) use signed::check_signature;

/// Value moving from the batch's rollup to another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// The destination.
    pub to: RollupId,
    /// The asset.
    pub asset: AssetId,
    /// How much.
    pub atoms: Atoms,
    /// Who receives it on the destination.
    pub recipient: Address,
}

/// Value moving from the batch's rollup to an L1 account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// The asset.
    pub asset: AssetId,
    /// How much.
    pub atoms: Atoms,
    /// Who is paid on L1.
    pub recipient: Address,
}

/// The total of a batch in one (asset, destination): what the circuit sees.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Lane {
    /// The asset.
    pub asset: AssetId,
    /// The destination; [`RollupId::L1`] for the total of the exits.
    pub destination: RollupId,
    /// How much.
    pub atoms: Atoms,
}

impl Lane {
    /// `atoms + asset·2^96 + destination·2^112`.
    #[must_use]
    pub fn word(&self) -> Word {
        Word::pack([
            (self.atoms.number(), 0),
            (u128::from(self.asset.number()), 96),
            (u128::from(self.destination.number()), 112),
        ])
    }
}

/// What a batch is made of, before its rules are checked.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct BatchParts {
    /// Whose transition.
    pub rollup: RollupId,
    /// Its number, from 0.
    pub height: Height,
    /// The L2 root that it continues.
    pub previous_root: L2Root,
    /// The L2 root that it leads to.
    pub new_root: L2Root,
    /// The exit root after its exits.
    pub exit_root: ExitRoot,
    /// Its transfers to other rollups.
    pub transfers: Vec<Transfer>,
    /// Its exits to L1.
    pub exits: Vec<Exit>,
    /// The totals as declared by the signer.
    pub lanes: Vec<Lane>,
    /// The signature over [`Batch::digest`].
    pub signature: Signature,
}

/// A batch whose own rules hold: bounded, nothing zero, no transfer to itself, lanes equal to the
/// sums of what is listed. Whether it fits a state (order, key, balances) is
/// [`crate::LiquidityState::apply`]'s to say.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BatchParts", into = "BatchParts")]
pub struct Batch {
    parts: BatchParts,
}

/// What the state sees of a batch: everything but what it lists and its signature.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct BatchHead {
    /// Whose transition.
    pub rollup: RollupId,
    /// Its number, from 0.
    pub height: Height,
    /// The L2 root that it continues.
    pub previous_root: L2Root,
    /// The L2 root that it leads to.
    pub new_root: L2Root,
    /// The exit root after its exits.
    pub exit_root: ExitRoot,
    /// Its totals, in ascending order of (asset, destination).
    pub lanes: Vec<Lane>,
}

impl BatchHead {
    /// What it moves out of its rollup, per asset.
    ///
    /// # Errors
    /// [`Refusal::AmountTooLarge`] when lanes together pass `2^96 - 1`.
    pub fn total_of(&self, asset: AssetId) -> Result<Atoms, Refusal> {
        self.lanes.iter().filter(|lane| lane.asset == asset).try_fold(Atoms::ZERO, |sum, lane| {
            let too_large = Refusal::AmountTooLarge { rollup: self.rollup, asset };
            sum.checked_add(lane.atoms).ok_or(too_large)
        })
    }
}

impl Batch {
    /// Checks the parts against the rules that need no state.
    ///
    /// # Errors
    /// [`Refusal::TooManyTransfers`], [`Refusal::TooManyLanes`], [`Refusal::UnknownRollup`],
    /// [`Refusal::UnknownAsset`], [`Refusal::ZeroAmount`], [`Refusal::BadDestination`],
    /// [`Refusal::AmountTooLarge`], [`Refusal::LanesOutOfOrder`] or [`Refusal::LanesDiffer`].
    pub fn new(parts: BatchParts) -> Result<Self, Refusal> {
        check_limits(&parts)?;
        check_items(&parts)?;
        let listed = Self::sum_lanes(parts.rollup, &parts.transfers, &parts.exits)?;
        check_lanes(&parts.lanes, &listed)?;
        Ok(Self { parts })
    }

    /// The lanes that the listed transfers and exits make, in ascending order of (asset,
    /// destination).
    ///
    /// # Errors
    /// [`Refusal::AmountTooLarge`] when a sum passes `2^96 - 1`.
    pub fn sum_lanes(
        rollup: RollupId,
        transfers: &[Transfer],
        exits: &[Exit],
    ) -> Result<Vec<Lane>, Refusal> {
        let moves = transfers
            .iter()
            .map(|transfer| (transfer.asset, transfer.to, transfer.atoms))
            .chain(exits.iter().map(|exit| (exit.asset, RollupId::L1, exit.atoms)));
        let mut sums = BTreeMap::new();
        for (asset, destination, atoms) in moves {
            let sum = sums.entry((asset, destination)).or_insert(Atoms::ZERO);
            *sum = sum.checked_add(atoms).ok_or(Refusal::AmountTooLarge { rollup, asset })?;
        }
        Ok(sums
            .into_iter()
            .map(|((asset, destination), atoms)| Lane { asset, destination, atoms })
            .collect())
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> &BatchParts {
        &self.parts
    }

    /// Whose transition it is.
    #[must_use]
    pub fn rollup(&self) -> RollupId {
        self.parts.rollup
    }

    /// Its number among its rollup's batches.
    #[must_use]
    pub fn height(&self) -> Height {
        self.parts.height
    }

    /// Its lanes, in ascending order of (asset, destination).
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.parts.lanes
    }

    /// The word that its rollup signs (see [`BatchParts::digest`]).
    #[must_use]
    pub fn digest(&self, domain_word: Word) -> Word {
        self.parts.digest(domain_word)
    }

    /// What the state sees of it.
    #[must_use]
    pub fn head(&self) -> BatchHead {
        let parts = &self.parts;
        BatchHead {
            rollup: parts.rollup,
            height: parts.height,
            previous_root: parts.previous_root,
            new_root: parts.new_root,
            exit_root: parts.exit_root,
            lanes: parts.lanes.clone(),
        }
    }

    /// Its exits as claims, numbered from the tree's next index.
    ///
    /// # Errors
    /// [`Refusal::ExitTreeFull`].
    pub fn claims(&self, tree: &ExitTree) -> Result<Vec<Claim>, Refusal> {
        let rollup = self.rollup();
        let mut index = tree.next_index();
        let mut claims = Vec::with_capacity(self.parts.exits.len());
        for Exit { asset, atoms, recipient } in &self.parts.exits {
            claims.push(Claim {
                rollup,
                index,
                asset: *asset,
                recipient: *recipient,
                atoms: *atoms,
            });
            index = index.next().ok_or(Refusal::ExitTreeFull { rollup })?;
        }
        Ok(claims)
    }

    /// The rollup's exit tree after this batch, which must have the batch's exit root.
    ///
    /// # Errors
    /// [`Refusal::ExitTreeFull`] or [`Refusal::ExitRootMismatch`].
    pub fn continue_exit_tree(&self, tree: &ExitTree) -> Result<ExitTree, Refusal> {
        let rollup = self.rollup();
        let next = self.claims(tree)?.iter().try_fold(tree.clone(), |tree, claim| {
            tree.append(claim.leaf()).ok_or(Refusal::ExitTreeFull { rollup })
        })?;
        let (expected, found) = (next.root(), self.parts.exit_root);
        if expected == found {
            Ok(next)
        } else {
            Err(Refusal::ExitRootMismatch { rollup, expected, found })
        }
    }
}

impl BatchParts {
    /// The word to sign: the chain hash, under `netfold.batch.v1`, of the domain word, rollup and
    /// height, the halves of both L2 roots, of the exit root and of the body digest, and one word
    /// per lane slot (an unused slot is zero).
    #[must_use]
    pub fn digest(&self, domain_word: Word) -> Word {
        self.digest_over(domain_word, self.body_digest())
    }

    fn digest_over(&self, domain_word: Word, body_digest: B256) -> Word {
        chain_hash("netfold.batch.v1", &self.words_over(domain_word, body_digest))
    }

    /// The words under the digest, in order: what the circuit recomputes it from.
    #[must_use]
    pub fn digest_words(&self, domain_word: Word) -> Vec<Word> {
        self.words_over(domain_word, self.body_digest())
    }

    /// As [`Self::digest_words`] where the list itself is not at hand but its digest.
    #[must_use]
    pub fn words_over(&self, domain_word: Word, body_digest: B256) -> Vec<Word> {
        let place = [(u128::from(self.rollup.number()), 0), (u128::from(self.height.number()), 16)];
        let mut words = vec![domain_word, Word::pack(place)];
        words.extend(self.previous_root.words());
        words.extend(self.new_root.words());
        words.extend(self.exit_root.words());
        words.extend(Word::halves(body_digest));
        let used = self.lanes.iter().map(Lane::word);
        words.extend(used.chain(std::iter::repeat(Word::ZERO)).take(LANES_PER_BATCH));
        words
    }

    /// Keccak-256 over the list itself, so that the signature covers each transfer and exit:
    /// `"netfold.batch.body.v1"`, the two counts (4 bytes each), then each transfer (2-byte
    /// destination, 2-byte asset, 12-byte atoms, 20-byte recipient) and each exit (the same without
    /// destination), big-endian.
    #[must_use]
    pub fn body_digest(&self) -> B256 {
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX).to_be_bytes();
        let mut body = b"netfold.batch.body.v1".to_vec();
        body.extend(count(self.transfers.len()));
        body.extend(count(self.exits.len()));
        for transfer in &self.transfers {
            body.extend(transfer.to.number().to_be_bytes());
            push_move(&mut body, transfer.asset, transfer.atoms, transfer.recipient);
        }
        for exit in &self.exits {
            push_move(&mut body, exit.asset, exit.atoms, exit.recipient);
        }
        keccak256(body)
    }
}

impl TryFrom<BatchParts> for Batch {
    type Error = Refusal;

    fn try_from(parts: BatchParts) -> Result<Self, Refusal> {
        Self::new(parts)
    }
}

impl From<Batch> for BatchParts {
    fn from(batch: Batch) -> Self {
        batch.parts
    }
}

fn push_move(body: &mut Vec<u8>, asset: AssetId, atoms: Atoms, recipient: Address) {
    body.extend(asset.number().to_be_bytes());
    // The first 4 of the 16 bytes are zero: an amount has 96 bits.
    body.extend(atoms.number().to_be_bytes().iter().skip(4));
    body.extend(recipient.as_slice());
}

fn check_limits(parts: &BatchParts) -> Result<(), Refusal> {
    if parts.rollup.slot().is_none() {
        return Err(Refusal::UnknownRollup { rollup: parts.rollup });
    }
    let found = parts.transfers.len().saturating_add(parts.exits.len());
    if found > MAX_TRANSFERS_PER_BATCH {
        return Err(Refusal::TooManyTransfers { found, limit: MAX_TRANSFERS_PER_BATCH });
    }
    let found = parts.lanes.len();
    if found > LANES_PER_BATCH {
        return Err(Refusal::TooManyLanes { found, limit: LANES_PER_BATCH });
    }
    Ok(())
}

fn check_items(parts: &BatchParts) -> Result<(), Refusal> {
    for (index, transfer) in parts.transfers.iter().enumerate() {
        let destination = transfer.to;
        if destination == parts.rollup || destination == RollupId::L1 {
            return Err(Refusal::BadDestination { index, rollup: parts.rollup, destination });
        }
        if destination.slot().is_none() {
            return Err(Refusal::UnknownRollup { rollup: destination });
        }
        check_item(index, transfer.asset, transfer.atoms)?;
    }
    for (index, exit) in parts.exits.iter().enumerate() {
        let index = index.saturating_add(parts.transfers.len());
        check_item(index, exit.asset, exit.atoms)?;
    }
    Ok(())
}

fn check_item(index: usize, asset: AssetId, atoms: Atoms) -> Result<(), Refusal> {
    if asset.slot().is_none() {
        return Err(Refusal::UnknownAsset { asset });
    }
    if atoms.is_zero() { Err(Refusal::ZeroAmount { index }) } else { Ok(()) }
}

fn check_lanes(declared: &[Lane], listed: &[Lane]) -> Result<(), Refusal> {
    let key = |lane: &Lane| (lane.asset, lane.destination);
    let out_of_order =
        declared.windows(2).position(|pair| matches!(pair, [a, b] if key(a) >= key(b)));
    if let Some(index) = out_of_order {
        return Err(Refusal::LanesOutOfOrder { index: index.saturating_add(1) });
    }
    let find = |lanes: &[Lane], wanted: &Lane| {
        lanes.iter().find(|lane| key(lane) == key(wanted)).map_or(Atoms::ZERO, |lane| lane.atoms)
    };
    for lane in declared.iter().chain(listed) {
        let (declared_atoms, listed_atoms) = (find(declared, lane), find(listed, lane));
        if declared_atoms != listed_atoms || declared_atoms.is_zero() {
            return Err(Refusal::LanesDiffer {
                asset: lane.asset,
                destination: lane.destination,
                declared: declared_atoms,
                listed: listed_atoms,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "batch/tests.rs"]
mod tests;
