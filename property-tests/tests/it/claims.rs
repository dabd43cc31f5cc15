//! Claims: what one bit of tampering does.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a failure here is the test's failure"
)]

use alloy_primitives::{Address, B256};
use domain::{AssetId, Atoms, Claim, ExitIndex, ExitTree, ExitTreeHistory, RollupId};
use proptest::prelude::*;

fn claim(index: u32, atoms: u64, recipient: u8) -> Claim {
    Claim {
        rollup: RollupId::new(3),
        index: ExitIndex::new(index),
        asset: AssetId::new(1),
        recipient: Address::repeat_byte(recipient),
        atoms: Atoms::new(u128::from(atoms)).unwrap(),
    }
}

proptest! {
    /// A claim is proven by its path, and by none once any of its fields or the path has changed.
    #[test]
    fn a_tampered_claim_is_refused(
        items in prop::collection::vec((any::<u64>(), any::<u8>()), 1..20),
        chosen in any::<prop::sample::Index>(),
        level in 0_usize..32,
        bit in 0_usize..256,
    ) {
        let claims: Vec<Claim> =
            items.iter().zip(0..).map(|((atoms, to), index)| claim(index, *atoms, *to)).collect();
        let tree = claims
            .iter()
            .fold(ExitTree::empty(), |tree, claim| tree.append(claim.leaf()).unwrap());
        let history = ExitTreeHistory::new(claims.iter().map(Claim::leaf).collect());
        let honest = chosen.get(&claims);
        let mut path = history.path(honest.index).unwrap();
        prop_assert!(honest.proven_by(&path, tree.root()));
        let tampered = [
            Claim { rollup: RollupId::new(4), ..*honest },
            Claim { index: ExitIndex::new(honest.index.number() + 1), ..*honest },
            Claim { asset: AssetId::new(2), ..*honest },
            Claim { recipient: Address::ZERO, atoms: Atoms::MAX, ..*honest },
            Claim { atoms: Atoms::new(honest.atoms.number() + 1).unwrap(), ..*honest },
        ];
        for claim in tampered {
            prop_assert!(!claim.proven_by(&path, tree.root()));
        }
        let mut bytes = path[level].0;
        bytes[bit / 8] ^= 1 << (bit % 8);
        path[level] = B256::from(bytes);
        prop_assert!(!honest.proven_by(&path, tree.root()));
    }
}
