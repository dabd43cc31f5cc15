//! The metrics of the domain, as the ledger has them.

use domain::Asset;
use ledger::{Rollup, TrialBalanceLine, Vitals, Webhook};
use time::OffsetDateTime;

use super::{Labels, Metric};
use crate::{
    State, error::Error, money::Assets, trial_balance::is_balanced, webhooks::is_given_up,
};

/// Everything that is read at one scrape.
pub(super) async fn read(state: &State) -> Result<Vec<Metric>, Error> {
    let ledger = state.ledger();
    let vitals = ledger.vitals().await?;
    let mut metrics = progress(&vitals);
    metrics.extend(incidents(&vitals));
    metrics.extend(of_rollups(&ledger.rollups().await?));
    metrics.extend(money(&ledger.trial_balance().await?, &state.assets().await?));
    metrics.extend(of_webhooks(&ledger.webhooks().await?, state));
    if let Some(replica) = state.replica() {
        let reached = replica.reached().await?.number();
        let behind = vitals.journal_block.number().saturating_sub(reached);
        metrics.push(Metric::gauge(
            "netfold_replica_blocks_behind",
            "Journal blocks that the ledger has and its replica has not",
            float(behind),
        ));
    }
    Ok(metrics)
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "two times of one database are no 9,000 years apart"
)]
fn progress(vitals: &Vitals) -> Vec<Metric> {
    let stage = |name: &str, count: u64| (vec![("stage", name.to_owned())], count);
    let age = |since: Option<OffsetDateTime>| {
        since.map_or(0.0, |since| (vitals.now - since).as_seconds_f64().max(0.0))
    };
    let waiting = |what: &str, since| (vec![("for", what.to_owned())], age(since));
    vec![
        Metric::counter(
            "netfold_journal_blocks",
            "Blocks of the journal: postings",
            vitals.journal_block.number(),
        ),
        Metric::counter("netfold_events", "Events in the event log", vitals.event.number()),
        Metric::counters(
            "netfold_epochs",
            "Epochs that have come so far",
            vec![
                stage("opened", vitals.epochs_opened),
                stage("sealed", vitals.epochs_sealed),
                stage("settled", vitals.epochs_settled),
                stage("final", vitals.epochs_final),
            ],
        ),
        Metric::gauge(
            "netfold_open_epoch_age_seconds",
            "How long the open epoch has been open",
            age(vitals.open_since),
        ),
        Metric::gauge(
            "netfold_open_epoch_batches",
            "Batches of the open epoch, evicted ones too",
            float(vitals.open_batches),
        ),
        Metric::gauges(
            "netfold_epoch_waiting_seconds",
            "How long the oldest epoch has waited for its next stage; 0 if none waits",
            vec![
                waiting("settlement_proof", vitals.unproven_since),
                waiting("settlement", vitals.unsettled_since),
                waiting("finality", vitals.unfinal_since),
                waiting("aggregated_proof", vitals.unaggregated_since),
            ],
        ),
        Metric::gauge(
            "netfold_l1_block",
            "The last L1 block that is booked; 0 before the first",
            float(vitals.l1_block.unwrap_or(0)),
        ),
        Metric::gauge(
            "netfold_l1_read_age_seconds",
            "How long ago an L1 block was booked; 0 before the first",
            age(vitals.l1_read_at),
        ),
        Metric::counter(
            "netfold_settlement_attempts",
            "Attempts to settle an epoch on L1",
            vitals.submissions,
        ),
        Metric::counter(
            "netfold_settlements",
            "Settlements that L1 gave, undone ones too",
            vitals.settlements,
        ),
        Metric::counter(
            "netfold_settlement_gas",
            "L1 gas of all settlements",
            vitals.settlement_gas,
        ),
    ]
}

fn incidents(vitals: &Vitals) -> Vec<Metric> {
    let yes = |it: bool| if it { 1.0 } else { 0.0 };
    vec![
        Metric::gauge(
            "netfold_engine_running",
            "Whether an engine holds these books",
            yes(vitals.engine_running),
        ),
        Metric::gauge(
            "netfold_books_ended",
            "Whether L1 has gone on with a state that is not ours",
            yes(vitals.foreign_settlement),
        ),
        Metric::counter(
            "netfold_settlements_undone",
            "Settlements that a reorg undid",
            vitals.reorgs,
        ),
        Metric::counter(
            "netfold_batches_evicted",
            "Batches that could not be proven or stood on one",
            vitals.evictions,
        ),
        Metric::counter(
            "netfold_equivocations",
            "Signed contradictions of rollups",
            vitals.equivocations,
        ),
    ]
}

fn of_rollups(rollups: &[Rollup]) -> Vec<Metric> {
    let each = |of: fn(&Rollup) -> u64| {
        let one = |rollup: &Rollup| (vec![("rollup", rollup.rollup.to_string())], of(rollup));
        rollups.iter().map(one).collect::<Vec<(Labels, u64)>>()
    };
    vec![
        Metric::gauges(
            "netfold_rollup_height",
            "Batches of a rollup that stand",
            as_gauges(each(|rollup| rollup.next_height.number())),
        ),
        Metric::gauges(
            "netfold_rollup_exits",
            "Exits of a rollup that stand",
            as_gauges(each(|rollup| rollup.exits)),
        ),
    ]
}

/// Of those that are not revoked.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "two times of one database are no 9,000 years apart"
)]
fn of_webhooks(webhooks: &[Webhook], state: &State) -> Vec<Metric> {
    let label = |webhook: &Webhook| vec![("webhook", webhook.id.to_string())];
    let gauges = |of: &dyn Fn(&Webhook) -> f64| {
        webhooks.iter().map(|webhook| (label(webhook), of(webhook))).collect()
    };
    let waiting = |webhook: &Webhook| {
        let since = webhook.waiting_since;
        since.map_or(0.0, |since| (webhook.now - since).as_seconds_f64().max(0.0))
    };
    let given_up = |webhook: &Webhook| if is_given_up(webhook, state) { 1.0 } else { 0.0 };
    let attempts =
        |webhook: &Webhook| webhook.last_attempt.as_ref().map_or(0, |last| last.number.number());
    vec![
        Metric::counters(
            "netfold_webhook_posts",
            "Posts to a webhook, failed ones too",
            webhooks.iter().map(|webhook| (label(webhook), attempts(webhook))).collect(),
        ),
        Metric::gauges(
            "netfold_webhook_failures_in_a_row",
            "Failures since the last delivery to a webhook, or since it was resumed",
            gauges(&|webhook| float(webhook.failures)),
        ),
        Metric::gauges(
            "netfold_webhook_given_up",
            "Whether nothing is tried until an operator resumes the webhook",
            gauges(&given_up),
        ),
        Metric::gauges(
            "netfold_webhook_waiting_seconds",
            "How long the first event that a webhook wants has waited; 0 if none waits",
            gauges(&waiting),
        ),
    ]
}

fn money(lines: &[TrialBalanceLine], assets: &Assets) -> Vec<Metric> {
    let label = |asset: &Asset| ("asset", asset.id().to_string());
    let mut amounts = Vec::new();
    let mut balanced = Vec::new();
    for line in lines {
        let Some(asset) = assets.get(line.asset) else { continue };
        for (whose, atoms) in
            [("cells", line.cells), ("pots", line.pots), ("custody", line.custody)]
        {
            // For charts: exact to 15 digits. Whether it is right to the last atom is told below.
            let amount = assets.sum(line.asset, atoms).amount.parse().unwrap_or(f64::NAN);
            amounts.push((vec![label(asset), ("of", whose.to_owned())], amount));
        }
        balanced.push((vec![label(asset)], if is_balanced(line) { 1.0 } else { 0.0 }));
    }
    vec![
        Metric::gauges(
            "netfold_amount",
            "What cells and pots hold and L1 keeps for them, in the asset's unit",
            amounts,
        ),
        Metric::gauges(
            "netfold_books_balanced",
            "Whether debits are credits, and custody is cells and pots, to the last atom",
            balanced,
        ),
    ]
}

fn as_gauges(values: Vec<(Labels, u64)>) -> Vec<(Labels, f64)> {
    values.into_iter().map(|(labels, value)| (labels, float(value))).collect()
}

/// Exact up to 2^53, which no count here reaches.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric is a float")]
fn float(count: u64) -> f64 {
    count as f64
}
