//! Evidence of equivocation: that it is some.

use domain::{Word, chain_hash};

use super::Auditor;
use super::fault::{FaultKind, Row, Stop};
use crate::column::Columns;

const TABLE: Columns = Columns("equivocation");

impl Auditor<'_> {
    /// Both digests are of batches of the height, the refused one signed by the rollup's key; the
    /// signature of the recorded one was verified with its batch.
    pub(super) async fn equivocations(&mut self) -> Result<(), Stop> {
        let rows = sqlx::query!(
            r#"select rollup_id, height, recorded_digest, refused_digest, refused_words,
                refused_signature, exists (
                    select from batch b
                    where (b.rollup_id, b.height, b.batch_digest::bytea)
                        = (e.rollup_id, e.height, e.recorded_digest::bytea)
                ) as "recorded!"
            from equivocation e order by rollup_id, height"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in rows {
            let table = Row::Table("equivocation");
            let rollup = table.reads(TABLE.rollup(row.rollup_id))?;
            let height = table.reads(TABLE.height(row.height))?;
            let name = Row::Equivocation { rollup, height };
            let refused = name.reads(TABLE.word(&row.refused_digest))?;
            let words = name.reads(TABLE.words(&row.refused_words))?;
            let signature = name.reads(TABLE.signature(&row.refused_signature))?;
            let place = [(u128::from(rollup.number()), 0), (u128::from(height.number()), 16)];
            let of_height = words.starts_with(&[self.adoption.identity.word(), Word::pack(place)]);
            let key = self.state.key_of(rollup);
            let holds = row.recorded
                && row.recorded_digest != row.refused_digest
                && of_height
                && chain_hash("netfold.batch.v1", &words) == refused
                && key.is_ok_and(|key| key.verifies(refused, &signature));
            name.check(holds, FaultKind::DiffersFromSource)?;
        }
        Ok(())
    }
}
