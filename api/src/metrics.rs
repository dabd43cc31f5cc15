//! `/metrics`: what a monitoring asks for again and again, as OpenMetrics text.
//!
//! **Invariant:** this is the one home of every metric's name. What counts money, blocks, epochs or incidents is
//! read from the ledger at each scrape, so it goes on over restarts and is the same from every api; only the
//! requests are this process' own. A ledger that cannot be read is a metric too, and no error.

mod domain_metrics;
mod requests;

use std::{fmt, time::Duration};

use axum::{
    extract::State as Extracted,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

pub(crate) use requests::{Requests, observe};

use crate::{
    State,
    error::{Error, Problems},
    extract::Parameters,
};

/// A metric with what was found for each of its labels.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    values: Values,
}

type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
enum Values {
    /// What only grows. The text has `_total` after the name.
    Counters(Vec<(Labels, u64)>),
    /// What goes up and down.
    Gauges(Vec<(Labels, f64)>),
}

impl Metric {
    fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::counters(name, help, vec![(Labels::new(), value)])
    }

    fn counters(name: &'static str, help: &'static str, values: Vec<(Labels, u64)>) -> Self {
        Self { name, help, values: Values::Counters(values) }
    }

    fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::gauges(name, help, vec![(Labels::new(), value)])
    }

    fn gauges(name: &'static str, help: &'static str, values: Vec<(Labels, f64)>) -> Self {
        Self { name, help, values: Values::Gauges(values) }
    }
}

/// What one scrape has found.
#[derive(Debug)]
struct Found(Vec<Metric>);

impl Collector for Found {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for metric in &self.0 {
            let (name, help) = (metric.name, metric.help);
            match &metric.values {
                Values::Counters(values) => {
                    let mut all =
                        encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                    for (labels, value) in values {
                        ConstCounter::new(*value).encode(all.encode_family(labels)?)?;
                    }
                }
                Values::Gauges(values) => {
                    let mut all = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                    for (labels, value) in values {
                        ConstGauge::new(*value).encode(all.encode_family(labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Read the metrics
///
/// `OpenMetrics` text, for Prometheus to scrape. Counts of the domain come from the ledger and survive restarts;
/// those of requests are this process' own.
#[utoipa::path(
    get, path = "/metrics", operation_id = "read_metrics", tag = "operation",
    responses(
        (status = 200, description = "All metrics", body = String,
            content_type = "application/openmetrics-text"),
        Problems,
    ),
)]
pub(crate) async fn scrape(
    Extracted(state): Extracted<State>,
    query: Parameters,
) -> Result<Response, Error> {
    query.finish()?;
    let mut found = vec![Metric::gauges(
        "netfold_build",
        "Always 1, with the version of this binary",
        vec![(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
    )];
    let readable = match tokio::time::timeout(PATIENCE, domain_metrics::read(&state)).await {
        Ok(Ok(metrics)) => {
            found.extend(metrics);
            1.0
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the metrics of the domain cannot be read");
            0.0
        }
        Err(_) => {
            tracing::warn!("the metrics of the domain cannot be read: the ledger does not answer");
            0.0
        }
    };
    found.push(Metric::gauge(
        "netfold_ledger_readable",
        "Whether the ledger could be read for this scrape; without it the metrics of the domain are absent",
        readable,
    ));
    let refused = state.limiter().refused().into_iter();
    let label = |name: &'static str, value: &str| (name, value.to_owned());
    found.push(Metric::counters(
        "netfold_rate_limited_requests",
        "Requests that were refused because their caller asked too often",
        refused
            .map(|refused| {
                (vec![label("caller", refused.caller), label("kind", refused.kind)], refused.count)
            })
            .collect(),
    ));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Found(found)));
    state.http_requests().register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| askama::Error::Fmt)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// How long the ledger may take. A Postgres that is away is asked again and again for longer than a scrape may take,
/// and then nothing would be told at all.
const PATIENCE: Duration = Duration::from_secs(3);

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
