//! What of a page needs no other page: digests, roots, signatures. Computed ahead, on all cores.
//!
//! **Invariant:** it decides nothing. What is not here is computed where it is needed, and what is
//! wrong is found and named there.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use domain::{Batch, RollupId, SettlementKey, SignedBatch, Word};

use super::batch::{list, read_parts};
use super::block::transfer_fields;
use super::page::Page;
use crate::hash::{self, TransferFields};

/// What was computed of a page's rows, by block.
#[derive(Default)]
pub(crate) struct Prepared {
    transfers: BTreeMap<i64, Vec<Option<(TransferFields, B256)>>>,
    roots: BTreeMap<i64, B256>,
    signed: BTreeMap<i64, SignedBatch>,
}

/// Who signs for whom, as the table says. A signature that was verified by another key than the one
/// that the journal registered is verified again.
pub(super) struct Signers {
    pub(super) word: Word,
    pub(super) keys: BTreeMap<RollupId, SettlementKey>,
}

impl Prepared {
    /// A transfer's fields, with their digest; `None` if they cannot be read.
    pub(super) fn transfer(&self, block: i64, position: u32) -> Option<(TransferFields, B256)> {
        let position = usize::try_from(position).ok()?;
        self.transfers.get(&block)?.get(position).copied()?
    }

    /// The root of a block's transfers, if each can be read.
    pub(super) fn root(&self, block: i64) -> Option<B256> {
        self.roots.get(&block).copied()
    }

    /// A block's batch, if its signature is its rollup's.
    pub(super) fn signed(&self, block: i64) -> Option<&SignedBatch> {
        self.signed.get(&block)
    }
}

impl Page {
    /// Computes what needs no other page.
    pub(super) fn prepare(mut self, signers: &Signers) -> Self {
        let mut prepared = Prepared::default();
        for (block, rows) in &self.transfers {
            let fields: Vec<_> = rows
                .iter()
                .map(|row| transfer_fields(row).ok().map(|fields| (fields, fields.digest())))
                .collect();
            let digests: Option<Vec<B256>> =
                fields.iter().map(|one| one.map(|(_, digest)| digest)).collect();
            if let Some(digests) = digests {
                prepared.roots.insert(*block, hash::root(digests));
            }
            prepared.transfers.insert(*block, fields);
        }
        for block in self.batches.keys() {
            if let Some(signed) = self.sign(&prepared, *block, signers) {
                prepared.signed.insert(*block, signed);
            }
        }
        self.prepared = prepared;
        self
    }

    fn sign(&self, prepared: &Prepared, block: i64, signers: &Signers) -> Option<SignedBatch> {
        let mut parts = read_parts(self.batches.get(&block)?).ok()?;
        for one in prepared.transfers.get(&block).into_iter().flatten() {
            list(&mut parts, &one.as_ref()?.0)?;
        }
        parts.lanes = Batch::sum_lanes(parts.rollup, &parts.transfers, &parts.exits).ok()?;
        let batch = Batch::new(parts).ok()?;
        let key = signers.keys.get(&batch.rollup())?;
        SignedBatch::verify(&batch, *key, signers.word).ok()
    }
}
