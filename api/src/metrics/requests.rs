//! How many requests this process has answered, and how long each took.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State as Extracted},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    metrics::{family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::State;

type Labels = [(&'static str, String); 3];

/// Times of requests by method, route and status.
#[derive(Clone)]
pub(crate) struct Requests(Family<Labels, Histogram, fn() -> Histogram>);

impl Default for Requests {
    fn default() -> Self {
        Self(Family::new_with_constructor(histogram))
    }
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "netfold_http_request_seconds",
            "Time until the answer to a request began, by route",
            self.0.clone(),
        );
    }
}

/// Notes a request when its answer begins. The route is the template and never the path, so that nobody makes
/// labels by asking for many paths.
pub(crate) async fn observe(
    Extracted(state): Extracted<State>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let route = route.to_owned();
    let answer = next.run(request).await;
    // A method that HTTP does not know is anybody's to make up.
    let method = if METHODS.contains(&method.as_str()) { method } else { "other".to_owned() };
    let labels =
        [("method", method), ("route", route), ("status", answer.status().as_str().to_owned())];
    state.http_requests().0.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
    answer
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Seconds. 20 and 50 ms are what reads and posts of 1,000 transfers are held to.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];
