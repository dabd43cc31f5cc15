//! The two 32-byte roots that a batch carries.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::Word;

macro_rules! root {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(B256);

        impl $name {
            /// What a rollup has before its first batch: 32 zero bytes.
            pub const UNSET: Self = Self(B256::ZERO);

            /// Wraps the bytes.
            #[must_use]
            pub const fn new(bytes: B256) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn bytes(self) -> B256 {
                self.0
            }

            /// The two words, high half first, as which it enters the circuit.
            #[must_use]
            pub fn words(self) -> [Word; 2] {
                Word::halves(self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

root!(
    /// The state root of a rollup (L2) itself: opaque to Netfold, which only checks that each batch
    /// continues the last one.
    L2Root
);
root!(
    /// The root of a rollup's exit tree.
    ExitRoot
);
