//! What an eviction would do to the steps that are folded already.
//!
//! **Invariant:** none of them changes. A recorded step is the first work of its epoch's proof and
//! is not taken back: with another plan the epoch could be sealed, and never proven. That the
//! eviction of the batch which fixed a window leaves the window fixed is for `domain::fixed_steps`
//! to hold; here it is compared, whatever the reason.

use std::collections::BTreeMap;

use domain::{EpochNumber, Operation, Refusal, fixed_steps};

use super::closure::Why;
use crate::column::{Columns, epoch_key};
use crate::connection::Tx;
use crate::{BlockNumber, Error};

/// The number, from 1, of the first folded step of an epoch that would not be what it is without
/// the batches that are to go.
pub(super) async fn first_changed(
    tx: &mut Tx<'_>,
    epoch: EpochNumber,
    operations: &BTreeMap<BlockNumber, Operation>,
    evicted: &BTreeMap<BlockNumber, Why>,
) -> Result<Option<u32>, Error> {
    let recorded = sqlx::query_scalar!(
        r#"select coalesce(max(step_number), 0) as "steps!" from epoch_step
        where epoch_number = $1"#,
        epoch_key(epoch)
    )
    .fetch_one(&mut **tx)
    .await?;
    let folded: u32 = Columns("epoch_step").small(recorded)?;
    if folded == 0 {
        return Ok(None);
    }
    Ok(changed(folded, operations, evicted)?)
}

fn changed(
    folded: u32,
    operations: &BTreeMap<BlockNumber, Operation>,
    evicted: &BTreeMap<BlockNumber, Why>,
) -> Result<Option<u32>, Refusal> {
    let now: Vec<Operation> = operations.values().cloned().collect();
    let then: Vec<Operation> = operations
        .iter()
        .map(|(block, one)| match evicted.get(block) {
            Some(_) => Operation::Evicted,
            None => one.clone(),
        })
        .collect();
    let mut now = fixed_steps(&now)?.into_iter();
    let mut then = fixed_steps(&then)?.into_iter();
    // A folded step that is none of the plan even now is one that nothing may rest on.
    let stays = |now: Option<_>, then| now.is_some() && now == then;
    Ok((1..=folded).find(|_| !stays(now.next(), then.next())))
}
