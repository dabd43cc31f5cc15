//! The functions of the schema that say which columns of a row its event covers, and how they are hashed.
//!
//! **Invariant:** the audit has the database compute those digests, so it first makes sure that they are
//! computed as the migrations say: whoever may replace a function could hide a change of every row
//! that only events cover.

use alloy_primitives::{B256, hex};

use super::Auditor;
use super::fault::{FaultKind, Row, Stop};
use crate::column::Columns;

/// Of `content` for each table, and of `row_digest`: name and types, language, settings, body.
const KNOWN: B256 =
    B256::new(hex!("50e040e2f1cf70c33d0bf512e5970dfb6bf8beb01b15433f7e5aa4a8e27deab4"));

impl Auditor<'_> {
    /// The functions are those of the migrations.
    pub(super) async fn functions(&mut self) -> Result<(), Stop> {
        let digest = sqlx::query_scalar!(
            r#"select sha256(convert_to(coalesce(string_agg(
                concat_ws(E'\n', signature, lanname, proconfig::text, prosrc), E'\n\n'
                order by signature collate "C"
            ), ''), 'UTF8')) as "digest!"
            from (
                select f.oid::regprocedure::text as signature, lanname, proconfig, prosrc
                from pg_proc f join pg_language l on l.oid = f.prolang
                where pronamespace = 'public'::regnamespace
                    and proname in ('content', 'row_digest')
            ) one"#
        )
        .fetch_one(&mut *self.tx)
        .await?;
        let digest = Row::DigestFunctions.reads(Columns("pg_proc").b256(&digest))?;
        Row::DigestFunctions.check(digest == KNOWN, FaultKind::NotAsMigrated(digest))
    }
}
