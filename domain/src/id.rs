//! Ids and counters: one newtype each, so that a rollup is never taken for an asset.

use serde::{Deserialize, Serialize};

use crate::limits;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number; its meaning is checked where it is used.
            #[must_use]
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number itself.
            #[must_use]
            pub const fn number(self) -> $inner {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number!(
    /// A rollup of the domain, from 1; [`RollupId::L1`] is L1 itself.
    RollupId, u16
);
number!(
    /// An asset of the domain, from 1.
    AssetId, u16
);
number!(
    /// One of the domains that a deployment runs.
    DomainId, u32
);
number!(
    /// An epoch, from 1; 0 on L1 means that none has settled yet.
    EpochNumber, u64
);
number!(
    /// The number of a batch among its rollup's batches, from 0, without gaps.
    Height, u64
);
number!(
    /// The number of an exit among its rollup's exits, from 0, without gaps.
    ExitIndex, u32
);

impl RollupId {
    /// L1 itself: the destination of an exit.
    pub const L1: Self = Self(0);

    /// Position among the domain's rollups, `None` for L1 and for ids outside the domain's shape.
    #[must_use]
    pub fn slot(self) -> Option<usize> {
        slot(self.0, limits::MAX_ROLLUPS)
    }

    /// Every id that the domain's shape has room for, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..).map(Self).take(limits::MAX_ROLLUPS)
    }
}

impl AssetId {
    /// Position among the domain's assets, `None` outside the domain's shape.
    #[must_use]
    pub fn slot(self) -> Option<usize> {
        slot(self.0, limits::MAX_ASSETS)
    }

    /// Every id that the domain's shape has room for, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..).map(Self).take(limits::MAX_ASSETS)
    }
}

impl EpochNumber {
    /// The first epoch of a domain.
    pub const FIRST: Self = Self(1);

    /// The epoch after this one; `None` at the end of the numbers.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The epoch before this one; `None` for the first.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).filter(|number| *number > 0).map(Self)
    }
}

impl Height {
    /// The height of a rollup's first batch.
    pub const FIRST: Self = Self(0);

    /// The height after this one; `None` at the end of the numbers.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl ExitIndex {
    /// The index after this one; `None` when the exit tree is full.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

fn slot(id: u16, room: usize) -> Option<usize> {
    usize::from(id).checked_sub(1).filter(|slot| *slot < room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_cover_exactly_the_shape() {
        assert_eq!(RollupId::L1.slot(), None);
        assert_eq!(RollupId::new(1).slot(), Some(0));
        assert_eq!(RollupId::all().last().and_then(RollupId::slot), Some(limits::MAX_ROLLUPS - 1));
        assert_eq!(RollupId::new(17).slot(), None);
        assert_eq!(AssetId::new(5).slot(), None);
        assert_eq!(AssetId::all().count(), limits::MAX_ASSETS);
    }
}
