//! Pages of lists: opaque cursors and bounded limits.
//!
//! **Invariant:** a page has at most [`PageLimit::MAX`] items; a cursor names its list, so that one
//! list's cursor is refused by another; following `next_cursor` visits every item once, in a stable
//! order, however many are added meanwhile.

use std::{fmt::Display, str::FromStr};

use alloy_primitives::hex;
use ledger::PageLimit;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{error::ParameterError, extract::Parameters};

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `cursor` for the items after these; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that the domain's shape bounds, all of it.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// Which page is asked for.
#[derive(Debug)]
pub(crate) struct PageQuery<K> {
    list: &'static str,
    /// The position before which the page starts.
    pub(crate) before: Option<K>,
    /// Most items of the page.
    pub(crate) limit: PageLimit,
}

impl<K: Display + FromStr> PageQuery<K> {
    /// Takes `cursor` and `limit`.
    pub(crate) fn take(list: &'static str, query: &mut Parameters) -> Result<Self, ParameterError> {
        let before = query.text("cursor").map(|cursor| read_cursor(list, cursor)).transpose()?;
        Ok(Self { list, before, limit: take_limit(query)? })
    }

    /// The same for a list whose items are dear: a longer page than `most` is refused, and is what a page
    /// has at most where nothing is said.
    pub(crate) fn take_within(
        list: &'static str,
        query: &mut Parameters,
        most: PageLimit,
        expected: &'static str,
    ) -> Result<Self, ParameterError> {
        let page = Self::take(list, query)?;
        if page.limit.number() <= most.number() {
            return Ok(page);
        }
        let value = page.limit.number().to_string();
        Err(ParameterError::Invalid { param: "limit", expected, value })
    }

    /// The page of these rows. A full page may have more behind it.
    pub(crate) fn page<R, T>(
        &self,
        rows: Vec<R>,
        key: impl Fn(&R) -> K,
        wire: impl Fn(R) -> T,
    ) -> Page<T> {
        let full = rows.len() >= usize::from(self.limit.number());
        let last = rows.last().filter(|_| full);
        let next_cursor = last.map(|row| hex::encode(format!("{}:{}", self.list, key(row))));
        Page { items: rows.into_iter().map(wire).collect(), next_cursor }
    }
}

/// Takes `limit`: 1 to 1,000, 100 when absent.
pub(crate) fn take_limit(query: &mut Parameters) -> Result<PageLimit, ParameterError> {
    let limit = query.number::<u16>("limit")?.unwrap_or(DEFAULT_LIMIT);
    PageLimit::new(limit).ok_or_else(|| ParameterError::Invalid {
        param: "limit",
        expected: "a whole number from 1 to 1000",
        value: limit.to_string(),
    })
}

fn read_cursor<K: FromStr>(list: &str, cursor: String) -> Result<K, ParameterError> {
    let text = hex::decode(&cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let position = text.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(':'));
    position.and_then(|position| position.parse().ok()).ok_or(ParameterError::Cursor { cursor })
}

const DEFAULT_LIMIT: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// A cursor leads back to its position in its own list, and nowhere else.
    #[test]
    fn cursors_belong_to_one_list() {
        let query = PageQuery { list: "batches", before: None, limit: PageLimit::new(2).unwrap() };
        let page = query.page(vec![9_u64, 8], |row| *row, |row| row);
        let cursor = page.next_cursor.unwrap();
        assert_eq!(read_cursor::<u64>("batches", cursor.clone()), Ok(8));
        assert!(read_cursor::<u64>("exits", cursor.clone()).is_err());
        assert!(read_cursor::<u64>("batches", cursor.replace('3', "z")).is_err());
        assert_eq!(query.page(vec![9_u64], |row| *row, |row| row).next_cursor, None);
    }
}
