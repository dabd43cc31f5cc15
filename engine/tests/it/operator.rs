//! A rollup's bridge operator: signs batches that continue its own.

use alloy_primitives::{Address, B256};
use domain::{
    Atoms, Batch, BatchParts, Exit, ExitRoot, ExitTree, Height, L2Root, RollupId, SettlementKey,
    SigningKey, Transfer, Word,
};

/// A rollup's bridge operator.
#[derive(Clone)]
pub(crate) struct Operator {
    key: SigningKey,
    pub(crate) rollup: RollupId,
    height: Height,
    root: L2Root,
    exits: ExitTree,
}

impl Operator {
    /// Of a rollup that has posted nothing.
    pub(crate) fn new(rollup: u16) -> Self {
        Self {
            key: Self::signing_key(rollup),
            rollup: RollupId::new(rollup),
            height: Height::FIRST,
            root: L2Root::UNSET,
            exits: ExitTree::empty(),
        }
    }

    /// The key that it registers with.
    pub(crate) fn public(&self) -> SettlementKey {
        self.key.public()
    }

    /// Its next batch.
    pub(crate) fn batch(
        &mut self,
        domain_word: Word,
        transfers: &[(u16, u16, u128)],
        exits: &[(u16, u128)],
    ) -> Batch {
        let transfers: Vec<_> = transfers
            .iter()
            .map(|(to, asset, atoms)| Transfer {
                to: RollupId::new(*to),
                asset: domain::AssetId::new(*asset),
                atoms: Atoms::new(*atoms).unwrap(),
                recipient: Address::repeat_byte(0x11),
            })
            .collect();
        let exits: Vec<_> = exits
            .iter()
            .map(|(asset, atoms)| Exit {
                asset: domain::AssetId::new(*asset),
                atoms: Atoms::new(*atoms).unwrap(),
                recipient: recipient(),
            })
            .collect();
        let lanes = Batch::sum_lanes(self.rollup, &transfers, &exits).unwrap();
        let mut parts = BatchParts {
            rollup: self.rollup,
            height: self.height,
            previous_root: self.root,
            new_root: L2Root::new(B256::from(own_root(self.rollup, self.height))),
            exit_root: ExitRoot::UNSET,
            transfers,
            exits,
            lanes,
            signature: self.key.sign(Word::ZERO),
        };
        let unsigned = Batch::new(parts.clone()).unwrap();
        for claim in unsigned.claims(&self.exits).unwrap() {
            self.exits = self.exits.append(claim.leaf()).unwrap();
        }
        parts.exit_root = self.exits.root();
        parts.signature = self.key.sign(parts.digest(domain_word));
        self.height = self.height.next().unwrap();
        self.root = parts.new_root;
        Batch::new(parts).unwrap()
    }

    fn signing_key(rollup: u16) -> SigningKey {
        SigningKey::from_seed([u8::try_from(rollup).unwrap(); 32])
    }
}

/// Where every exit goes: an account that had nothing before.
pub(crate) fn recipient() -> Address {
    Address::repeat_byte(0xee)
}

/// A root that no other (rollup, height) has.
fn own_root(rollup: RollupId, height: Height) -> [u8; 32] {
    let seed = [rollup.number().to_be_bytes().as_slice(), &height.number().to_be_bytes()].concat();
    alloy_primitives::keccak256(seed).0
}
