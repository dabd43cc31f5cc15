//! Claims in the form that L1 takes: a call of the Settlement contract's `claim`.

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use domain::DomainIdentity;
use ledger::ClaimData;
use serde::Serialize;
use utoipa::ToSchema;

/// What the Settlement contract's `claim` takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Claim {
    /// The epoch whose exit root proves it.
    pub epoch: u64,
    /// The rollup that the exit left.
    pub rollup: u16,
    /// The exit's number among the rollup's exits.
    pub index: u32,
    /// The asset.
    pub asset: u16,
    /// Who is paid.
    pub recipient: String,
    /// How much, in atoms.
    pub atoms: String,
    /// The exit's leaf in the rollup's exit tree.
    pub leaf: String,
    /// The 32 siblings from the leaf to the exit root, bottom up.
    pub path: Vec<String>,
    /// The exit root that the path leads to.
    pub exit_root: String,
    /// The claim as an `l1_tx` that anybody may send; L1 takes it once the epoch has settled.
    pub l1_tx: L1Tx,
}

/// A call on L1, ready to be signed and sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct L1Tx {
    /// Chain id of L1 (EIP-155).
    pub chain_id: u64,
    /// The Settlement contract.
    pub to: String,
    /// Value in wei, always 0.
    pub value: &'static str,
    /// The call: selector and arguments.
    pub data: String,
}

impl Claim {
    pub(crate) fn of(data: &ClaimData, identity: &DomainIdentity) -> Self {
        let claim = data.exit.claim;
        let l1_tx = L1Tx {
            chain_id: identity.chain_id,
            to: identity.settlement.to_string(),
            value: "0",
            data: hex::encode_prefixed(call(data.epoch.number(), &claim, &data.path)),
        };
        Self {
            epoch: data.epoch.number(),
            rollup: claim.rollup.number(),
            index: claim.index.number(),
            asset: claim.asset.number(),
            recipient: claim.recipient.to_string(),
            atoms: claim.atoms.to_string(),
            leaf: claim.leaf().to_string(),
            path: data.path.iter().map(B256::to_string).collect(),
            exit_root: data.exit_root.to_string(),
            l1_tx,
        }
    }
}

/// The call's bytes: the selector, the claim's six words in place, the offset of the path, its
/// length and its words.
pub(crate) fn call(epoch: u64, claim: &domain::Claim, path: &[B256]) -> Vec<u8> {
    let word = |number: u128| B256::from(U256::from(number));
    let address = |address: Address| address.into_word();
    let head = [
        word(u128::from(epoch)),
        word(u128::from(claim.rollup.number())),
        word(u128::from(claim.index.number())),
        word(u128::from(claim.asset.number())),
        address(claim.recipient),
        word(claim.atoms.number()),
        word(HEAD_BYTES),
        B256::from(U256::from(path.len())),
    ];
    let selector = keccak256(SIGNATURE).0.into_iter().take(4);
    selector.chain(head.iter().chain(path).flat_map(|word| word.0)).collect()
}

const SIGNATURE: &str = "claim((uint64,uint16,uint32,uint16,address,uint96),bytes32[])";

/// The six words of the claim and the offset itself stand before the path.
const HEAD_BYTES: u128 = 7 * 32;

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AssetId, Atoms, ExitIndex, RollupId};

    /// The bytes are those that `cast calldata` makes of the same arguments.
    #[test]
    fn the_call_is_the_contracts() {
        let claim = domain::Claim {
            rollup: RollupId::new(3),
            index: ExitIndex::new(5),
            asset: AssetId::new(2),
            recipient: Address::repeat_byte(0xab),
            atoms: Atoms::new(1_000_001).unwrap(),
        };
        let path = [B256::repeat_byte(1), B256::repeat_byte(2)];
        let expected = include_str!("claim/call.hex").trim();
        assert_eq!(hex::encode_prefixed(call(7, &claim, &path)), expected);
    }
}
