//! The append-only Merkle tree of all exits of a rollup since genesis, and the claims proven by it.
//!
//! Depth 32, keccak-256, sorted pairs (OpenZeppelin's `MerkleProof`), double-hashed leaves
//! (OpenZeppelin's `StandardMerkleTree`), empty leaves zero. The leaf holds its own index, so that
//! the order of a pair need not.

mod range;

use std::sync::{LazyLock, OnceLock};

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{AssetId, Atoms, ExitIndex, ExitRoot, RollupId, limits::EXIT_TREE_DEPTH};

pub use range::{ChunkPaths, ExitPaths, ExitRange};

/// One exit as L1 pays it: the leaf of its rollup's exit tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The rollup that the exit left.
    pub rollup: RollupId,
    /// Its number among that rollup's exits.
    pub index: ExitIndex,
    /// The asset.
    pub asset: AssetId,
    /// Who is paid on L1.
    pub recipient: Address,
    /// How much.
    pub atoms: Atoms,
}

impl Claim {
    /// `keccak256(keccak256(abi.encode(rollup, index, asset, recipient, atoms)))`. Hashed twice, so
    /// that no inner node of the tree can be taken for a leaf.
    #[must_use]
    pub fn leaf(&self) -> B256 {
        let encoded = [
            U256::from(self.rollup.number()).to_be_bytes(),
            U256::from(self.index.number()).to_be_bytes(),
            U256::from(self.asset.number()).to_be_bytes(),
            self.recipient.into_word().0,
            U256::from(self.atoms.number()).to_be_bytes::<32>(),
        ]
        .concat();
        keccak256(keccak256(encoded))
    }

    /// Whether the path leads from this claim to the root.
    #[must_use]
    pub fn proven_by(&self, path: &[B256], root: ExitRoot) -> bool {
        path.len() == EXIT_TREE_DEPTH
            && path.iter().fold(self.leaf(), |node, sibling| parent(node, *sibling)) == root.bytes()
    }
}

/// The tree without its leaves: what appending needs. At most one waiting left node a level.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ExitTree {
    next: ExitIndex,
    waiting: Vec<B256>,
    #[serde(skip)]
    root: KnownRoot,
}

/// The root, once somebody asked: most batches leave the tree as it was, and have its root checked again. It says
/// nothing that the nodes do not.
#[derive(Clone, Debug, Default)]
struct KnownRoot(OnceLock<ExitRoot>);

impl PartialEq for KnownRoot {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for KnownRoot {}

impl ExitTree {
    fn new(next: ExitIndex, waiting: Vec<B256>) -> Self {
        Self { next, waiting, root: KnownRoot::default() }
    }

    /// The tree of a rollup without exits.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(ExitIndex::new(0), vec![B256::ZERO; EXIT_TREE_DEPTH])
    }

    /// A tree as it was stored: the number of leaves and the waiting node of each level. `None` if
    /// there is not exactly one node a level.
    #[must_use]
    pub fn from_parts(next: ExitIndex, waiting: Vec<B256>) -> Option<Self> {
        (waiting.len() == EXIT_TREE_DEPTH).then(|| Self::new(next, waiting))
    }

    /// The index that the next exit gets; also the number of exits so far.
    #[must_use]
    pub fn next_index(&self) -> ExitIndex {
        self.next
    }

    /// The waiting left node of each level, bottom up; levels without one hold an old or zero node.
    #[must_use]
    pub fn waiting(&self) -> &[B256] {
        &self.waiting
    }

    /// Appends a leaf. `None` when the tree is full (the last place stays empty, so that the number
    /// of leaves fits its type).
    #[must_use]
    pub fn append(&self, leaf: B256) -> Option<Self> {
        let next = self.next.next()?;
        let mut waiting = self.waiting.clone();
        let mut node = leaf;
        for (level, slot) in waiting.iter_mut().enumerate() {
            if is_left(self.next, level) {
                *slot = node;
                break;
            }
            node = parent(*slot, node);
        }
        Some(Self::new(next, waiting))
    }

    /// The root with all empty leaves zero.
    #[must_use]
    pub fn root(&self) -> ExitRoot {
        *self.root.0.get_or_init(|| {
            let levels = self.waiting.iter().zip(EMPTY.iter()).enumerate();
            let node = levels.fold(B256::ZERO, |node, (level, (waiting, empty))| {
                if is_left(self.next, level) {
                    parent(node, *empty)
                } else {
                    parent(*waiting, node)
                }
            });
            ExitRoot::new(node)
        })
    }
}

/// The node of each level that has only empty leaves below it, bottom up.
static EMPTY: LazyLock<[B256; EXIT_TREE_DEPTH]> = LazyLock::new(|| {
    let mut above = B256::ZERO;
    std::array::from_fn(|_| {
        let node = above;
        above = parent(node, node);
        node
    })
});

/// All leaves of a rollup's exit tree: what making paths needs.
#[derive(Clone, Debug, Default)]
pub struct ExitTreeHistory {
    leaves: Vec<B256>,
}

impl ExitTreeHistory {
    /// The tree over these leaves, in order.
    #[must_use]
    pub fn new(leaves: Vec<B256>) -> Self {
        Self { leaves }
    }

    /// The 32 siblings from the leaf at `index` to the root, bottom up; `None` if there is no such
    /// leaf.
    #[must_use]
    pub fn path(&self, index: ExitIndex) -> Option<Vec<B256>> {
        let mut position = usize::try_from(index.number()).ok()?;
        self.leaves.get(position)?;
        let mut level = self.leaves.clone();
        let mut path = Vec::with_capacity(EXIT_TREE_DEPTH);
        for empty in *EMPTY {
            path.push(level.get(position ^ 1).copied().unwrap_or(empty));
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => parent(*left, *right),
                    [left] => parent(*left, empty),
                    _ => empty,
                })
                .collect();
            position >>= 1;
        }
        Some(path)
    }
}

fn is_left(next: ExitIndex, level: usize) -> bool {
    let shift = u32::try_from(level).unwrap_or(u32::MAX);
    next.number().checked_shr(shift).unwrap_or(0) & 1 == 0
}

fn parent(one: B256, other: B256) -> B256 {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(&low.0);
    pair[32..].copy_from_slice(&high.0);
    keccak256(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(index: u32) -> Claim {
        Claim {
            rollup: RollupId::new(1),
            index: ExitIndex::new(index),
            asset: AssetId::new(2),
            recipient: Address::repeat_byte(9),
            atoms: Atoms::new(u128::from(index) + 1).unwrap(),
        }
    }

    /// Every claim is proven by its path to the root after every append, and no other claim is.
    #[test]
    fn paths_and_appending_agree() {
        let mut tree = ExitTree::empty();
        let mut leaves = Vec::new();
        for index in 0..13 {
            tree = tree.append(claim(index).leaf()).unwrap();
            leaves.push(claim(index).leaf());
            let history = ExitTreeHistory::new(leaves.clone());
            for earlier in 0..=index {
                let path = history.path(ExitIndex::new(earlier)).unwrap();
                assert!(claim(earlier).proven_by(&path, tree.root()));
                assert!(!claim(earlier + 1).proven_by(&path, tree.root()));
            }
            assert_eq!(history.path(ExitIndex::new(index + 1)), None);
        }
    }

    #[test]
    fn the_empty_tree_is_all_zero_leaves() {
        let zero = (0..EXIT_TREE_DEPTH).fold(B256::ZERO, |zero, _| parent(zero, zero));
        assert_eq!(ExitTree::empty().root(), ExitRoot::new(zero));
    }

    #[test]
    fn a_short_path_proves_nothing() {
        let root = ExitRoot::new(claim(0).leaf());
        assert!(!claim(0).proven_by(&[], root));
    }
}
