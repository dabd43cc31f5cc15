//! Why a file proves nothing.

use domain::{AssetId, ExitIndex, RollupId, Word};

/// What is wrong with a receipt or an exit-kit.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is no JSON of this form.
    #[error("it is not of the form that it says")]
    Malformed(#[source] serde_json::Error),
    /// A value is spelt otherwise than such a file spells it, or something stands out of its order.
    #[error("it is not in the one form of such a file: something is spelt or ordered otherwise")]
    NotCanonical,
    /// It is another kind of file.
    #[error("its format is not {expected}")]
    UnknownFormat {
        /// What it has to be.
        expected: &'static str,
    },
    /// The checksum is not that of the rest.
    #[error("its checksum is not that of what it says: it was altered or damaged")]
    Altered,
    /// The domain word does not follow from chain, contract, domain and key.
    #[error("the domain word does not follow from the chain, the contract, the domain and the key")]
    DomainWord,
    /// The asset of the exit is described wrongly, or not at all.
    #[error("asset {asset} is not described as one that can be")]
    Asset {
        /// The asset.
        asset: AssetId,
    },
    /// The decimal amount is not the atoms.
    #[error("the amount of exit {rollup}/{index} is not its atoms in the asset's decimals")]
    Amount {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
    },
    /// The leaf is not the exit's.
    #[error("the leaf is not that of exit {rollup}/{index}")]
    Leaf {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
    },
    /// The path does not lead to the exit root of the batch.
    #[error("the path of exit {rollup}/{index} does not lead to the exit root of its batch")]
    PostedPath {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
    },
    /// The path does not lead to the exit root that was settled.
    #[error("the path of exit {rollup}/{index} does not lead to the exit root that was settled")]
    SettledPath {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
    },
    /// The digest is not that of the batch's header.
    #[error("the batch's digest is not that of its header")]
    BatchDigest,
    /// No lane of the batch to L1 has room for the exit.
    #[error("the batch has no lane to L1 that holds the exit")]
    Lane,
    /// The settled state does not know the rollup.
    #[error("rollup {rollup} is not of the settled state")]
    Rollup {
        /// The rollup.
        rollup: RollupId,
    },
    /// The signature is not the rollup's.
    #[error("the batch is not signed by the key of rollup {rollup}")]
    Signature {
        /// The rollup.
        rollup: RollupId,
    },
    /// The settled state has not come to the batch.
    #[error("the settled state ends before the batch")]
    Height,
    /// The state is outside the domain's shape.
    #[error("the settled state is outside the domain's shape")]
    State(#[source] domain::Refusal),
    /// The digest is not that of the state.
    #[error("the closing digest is {said}, that of the state is {found}")]
    StateDigest {
        /// The digest as given.
        said: Word,
        /// The digest as computed.
        found: Word,
    },
    /// The logs are not those that L1 makes of such a settlement.
    #[error("the logs are not those of a settlement of this state")]
    Logs,
    /// The call does not claim the exit.
    #[error("the call is not the claim of this exit on this contract")]
    Call,
    /// The status does not go with what is said of the payment.
    #[error("the status of the claim does not go with what paid it")]
    Status,
    /// The exits end early, or go on where they should have ended.
    #[error("it has {found} exits and says {said}: it is not whole")]
    Incomplete {
        /// The exits that it says.
        said: u64,
        /// The exits that it has.
        found: u64,
    },
    /// An exit that is not the next one.
    #[error("exit {rollup}/{index} is not the next one")]
    OutOfOrder {
        /// The rollup.
        rollup: RollupId,
        /// The exit's number.
        index: ExitIndex,
    },
    /// The exits of a rollup are not all that its exit root holds.
    #[error("the exits of rollup {rollup} are not those that its exit root holds")]
    Tree {
        /// The rollup.
        rollup: RollupId,
    },
    /// The instructions are not those of such a file.
    #[error("the instructions or the ABI are not those of such a file")]
    Instructions,
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error)
    }
}
