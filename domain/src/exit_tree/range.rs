//! Paths of the exits that one epoch adds to a rollup's exit tree, a chunk of leaves at a time.
//!
//! **Invariant:** what is held at once is one chunk and one node for each chunk, however many exits there
//! are; the paths are those of [`super::ExitTreeHistory`] over all leaves since genesis.

use alloy_primitives::B256;

use super::{EMPTY, ExitTree, parent};
use crate::{ExitIndex, ExitRoot, limits::EXIT_TREE_DEPTH};

/// The tops of the chunks that were seen, in order.
#[derive(Clone, Debug)]
pub struct ExitRange {
    before: ExitTree,
    next: u64,
    tops: Vec<B256>,
}

/// The upper part of the tree over a whole range.
#[derive(Clone, Debug)]
pub struct ExitPaths {
    before: ExitTree,
    upper: Part,
}

/// The paths of one chunk's leaves.
#[derive(Clone, Debug)]
pub struct ChunkPaths<'a> {
    upper: &'a Part,
    lower: Part,
}

impl ExitRange {
    /// Leaves of a chunk at most; all chunks but the first and the last have as many.
    pub const CHUNK: u32 = 1 << LOWER;

    /// The range that begins where this tree ends.
    #[must_use]
    pub fn after(before: &ExitTree) -> Self {
        let next = u64::from(before.next_index().number());
        Self { before: before.clone(), next, tops: Vec::new() }
    }

    /// How many leaves the chunk has at most that holds an index, from it on.
    #[must_use]
    pub fn room(index: ExitIndex) -> u32 {
        Self::CHUNK.saturating_sub(index.number() % Self::CHUNK)
    }

    /// Adds the next chunk: leaves as far as there is room, or fewer if they are the last. `None` if
    /// there is none or they do not fit the chunk.
    #[must_use]
    pub fn extended(mut self, leaves: Vec<B256>) -> Option<Self> {
        let first = u32::try_from(self.next).ok()?;
        let count = u64::try_from(leaves.len()).ok()?;
        let lower = Part::lower(&self.before, first, leaves)?;
        self.next = self.next.checked_add(count)?;
        self.tops.push(lower.top()?);
        Some(self)
    }

    /// All leaves were added. `None` if there were none.
    #[must_use]
    pub fn close(self) -> Option<ExitPaths> {
        if self.tops.is_empty() {
            return None;
        }
        let first = self.before.next_index().number().checked_shr(SHIFT)?;
        let upper = Part::over(&self.before, LOWER, EXIT_TREE_DEPTH, first, self.tops)?;
        Some(ExitPaths { before: self.before, upper })
    }
}

impl ExitPaths {
    /// The root that the paths lead to.
    #[must_use]
    pub fn root(&self) -> Option<ExitRoot> {
        self.upper.top().map(ExitRoot::new)
    }

    /// The paths of a chunk as it was added, whose first leaf has this index. `None` if it is not one.
    #[must_use]
    pub fn chunk(&self, first: ExitIndex, leaves: Vec<B256>) -> Option<ChunkPaths<'_>> {
        let lower = Part::lower(&self.before, first.number(), leaves)?;
        Some(ChunkPaths { upper: &self.upper, lower })
    }
}

impl ChunkPaths<'_> {
    /// The 32 siblings from the leaf at `index` to the root, bottom up; `None` if it is not of the chunk.
    #[must_use]
    pub fn path(&self, index: ExitIndex) -> Option<Vec<B256>> {
        let mut path = self.lower.siblings(index.number())?;
        path.extend(self.upper.siblings(index.number().checked_shr(SHIFT)?)?);
        Some(path)
    }
}

/// The nodes of some levels, from the place of the first new leaf on.
#[derive(Clone, Debug)]
struct Part {
    lowest: usize,
    levels: Vec<Level>,
}

#[derive(Clone, Debug)]
struct Level {
    /// The place of the first node among all of its level.
    start: u32,
    nodes: Vec<B256>,
}

impl Part {
    fn lower(before: &ExitTree, first: u32, leaves: Vec<B256>) -> Option<Self> {
        let room = usize::try_from(ExitRange::room(ExitIndex::new(first))).ok()?;
        if leaves.is_empty() || leaves.len() > room {
            return None;
        }
        Self::over(before, 0, LOWER, first, leaves)
    }

    fn over(
        before: &ExitTree,
        lowest: usize,
        height: usize,
        start: u32,
        nodes: Vec<B256>,
    ) -> Option<Self> {
        let mut level = Level { start, nodes };
        let mut levels = Vec::new();
        for (number, empty) in (lowest..height).zip(EMPTY.iter().skip(lowest)) {
            // The left sibling of the first new node is of the tree before, complete: it waits there.
            if level.start % 2 == 1 {
                level.start = level.start.checked_sub(1)?;
                level.nodes.insert(0, *before.waiting().get(number)?);
            }
            let above = level.nodes.chunks(2).map(|pair| match pair {
                [left, right] => parent(*left, *right),
                [left] => parent(*left, *empty),
                _ => *empty,
            });
            let above = Level { start: level.start / 2, nodes: above.collect() };
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Some(Self { lowest, levels })
    }

    fn top(&self) -> Option<B256> {
        match self.levels.last()?.nodes.as_slice() {
            [top] => Some(*top),
            _ => None,
        }
    }

    fn siblings(&self, mut place: u32) -> Option<Vec<B256>> {
        let (_, below) = self.levels.split_last()?;
        let mut siblings = Vec::with_capacity(EXIT_TREE_DEPTH);
        for (level, empty) in below.iter().zip(EMPTY.iter().skip(self.lowest)) {
            let node = |place: u32| {
                let offset = usize::try_from(place.checked_sub(level.start)?).ok()?;
                level.nodes.get(offset).copied()
            };
            node(place)?;
            siblings.push(node(place ^ 1).unwrap_or(*empty));
            place /= 2;
        }
        Some(siblings)
    }
}

/// Levels under the top of a chunk.
const LOWER: usize = 10;
const SHIFT: u32 = 10;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow is the test's failure")]
mod tests {
    use super::*;
    use crate::ExitTreeHistory;

    fn leaf(index: u32) -> B256 {
        alloy_primitives::keccak256(index.to_be_bytes())
    }

    fn tree(leaves: u32) -> ExitTree {
        (0..leaves).fold(ExitTree::empty(), |tree, index| tree.append(leaf(index)).unwrap())
    }

    fn check(first: u32, end: u32) {
        let before = tree(first);
        let chunks = || {
            let mut from = first;
            std::iter::from_fn(move || {
                let to = end.min(from + ExitRange::room(ExitIndex::new(from)));
                let chunk = (from < to).then_some((from, (from..to).map(leaf).collect::<Vec<_>>()));
                from = to;
                chunk
            })
        };
        let range = chunks()
            .fold(ExitRange::after(&before), |range, (_, leaves)| range.extended(leaves).unwrap());
        let paths = range.close().unwrap();
        assert_eq!(paths.root(), Some(tree(end).root()));
        let history = ExitTreeHistory::new((0..end).map(leaf).collect());
        for (from, leaves) in chunks() {
            let last = from + u32::try_from(leaves.len()).unwrap() - 1;
            let chunk = paths.chunk(ExitIndex::new(from), leaves).unwrap();
            // Building a whole path is slow: the chunk's ends stand for what is between.
            for index in [from, from + (last - from) / 2, last].map(ExitIndex::new) {
                assert_eq!(chunk.path(index), history.path(index), "{index} of {first}..{end}");
            }
            assert_eq!(chunk.path(ExitIndex::new(last + 1)), None);
        }
    }

    /// Wherever a range begins and ends, its paths are those of the whole tree.
    #[test]
    fn a_ranges_paths_are_the_trees() {
        for first in [0, 1, 2, 3, 5, 1022, 1023, 1024, 1025, 2047] {
            for length in [1, 2, 7, 1024, 2100] {
                check(first, first + length);
            }
        }
    }

    /// A chunk that is too long, or none, is no chunk; a range without exits has no paths.
    #[test]
    fn what_is_no_range() {
        let before = tree(1020);
        let range = ExitRange::after(&before);
        assert!(range.clone().close().is_none());
        assert!(range.clone().extended(Vec::new()).is_none());
        assert!(range.clone().extended((0..5).map(leaf).collect()).is_none());
        assert!(range.extended((0..4).map(leaf).collect()).is_some());
    }
}
