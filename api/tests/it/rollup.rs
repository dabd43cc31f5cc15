//! A rollup as its operator runs it: keys, roots, the exit tree, and signing.

use alloy_primitives::{Address, B256, keccak256};
use domain::{
    AssetId, Atoms, Batch, BatchParts, Exit, ExitTree, Height, L2Root, RollupId, SigningKey,
    Transfer, Word,
};

/// ETH, 18 decimals.
pub(crate) const ETH: AssetId = AssetId::new(1);
/// USDC, 6 decimals.
pub(crate) const USDC: AssetId = AssetId::new(2);

/// A rollup and where it is.
#[derive(Clone)]
pub(crate) struct Rollup {
    pub(crate) id: RollupId,
    pub(crate) key: SigningKey,
    pub(crate) height: Height,
    pub(crate) root: L2Root,
    pub(crate) tree: ExitTree,
}

impl Rollup {
    pub(crate) fn new(id: u16) -> Self {
        Self {
            id: RollupId::new(id),
            key: SigningKey::from_seed([u8::try_from(id).unwrap(); 32]),
            height: Height::FIRST,
            root: L2Root::UNSET,
            tree: ExitTree::empty(),
        }
    }

    /// The next batch, signed; the rollup stays where it is.
    pub(crate) fn batch(
        &self,
        domain_word: Word,
        transfers: &[Transfer],
        exits: &[Exit],
    ) -> BatchParts {
        let lanes = Batch::sum_lanes(self.id, transfers, exits).unwrap();
        let mut parts = BatchParts {
            rollup: self.id,
            height: self.height,
            previous_root: self.root,
            new_root: L2Root::new(keccak256([self.root.bytes().0, B256::from([7; 32]).0].concat())),
            exit_root: self.tree.root(),
            transfers: transfers.to_vec(),
            exits: exits.to_vec(),
            lanes,
            signature: self.key.sign(Word::ZERO),
        };
        let draft = Batch::new(parts.clone()).unwrap();
        let claims = draft.claims(&self.tree).unwrap();
        let tree =
            claims.iter().fold(self.tree.clone(), |t, claim| t.append(claim.leaf()).unwrap());
        parts.exit_root = tree.root();
        self.sign(domain_word, parts)
    }

    /// Signs what the parts say, whatever it is.
    pub(crate) fn sign(&self, domain_word: Word, mut parts: BatchParts) -> BatchParts {
        parts.signature = self.key.sign(parts.digest(domain_word));
        parts
    }

    /// Goes on to after the batch.
    pub(crate) fn advance(&mut self, parts: &BatchParts) {
        let batch = Batch::new(parts.clone()).unwrap();
        self.tree = batch.continue_exit_tree(&self.tree).unwrap();
        self.height = self.height.next().unwrap();
        self.root = parts.new_root;
    }
}

pub(crate) fn atoms(atoms: u128) -> Atoms {
    Atoms::new(atoms).unwrap()
}

pub(crate) fn transfer(to: u16, asset: AssetId, amount: u128) -> Transfer {
    let recipient = Address::repeat_byte(0x11);
    Transfer { to: RollupId::new(to), asset, atoms: atoms(amount), recipient }
}

pub(crate) fn exit(asset: AssetId, amount: u128) -> Exit {
    Exit { asset, atoms: atoms(amount), recipient: Address::repeat_byte(0xee) }
}
