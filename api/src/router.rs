//! The whole HTTP surface.

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    State, access, accounts, assets, batches, cells, costs, deposits, epochs, error::ProblemBody,
    etag, events, exits, extract::BODY_LIMIT, flows, health, identity, jobs, kept, layers, metrics,
    operator_actions, pages, rollups, simulate, transfers, trial_balance, webhooks,
};

/// Every path, with its layers.
pub fn router(state: State) -> Router {
    let keeping = middleware::from_fn_with_state(state.clone(), kept::answer);
    let resources = OpenApiRouter::with_openapi(Document::openapi())
        .merge(kept_resources().route_layer(keeping))
        .merge(live_resources());
    let (resources, mut document) = resources.split_for_parts();
    etag::describe(&mut document);
    let time = state.settings().request_timeout;
    let observed = state.clone();
    // The validator badge would ask a foreign server about every reader's document.
    let config = Config::default().validator_url("none");
    resources
        .route("/", get(pages::overview))
        .route("/epochs", get(pages::epochs))
        .route("/epochs/{epoch}", get(pages::epoch))
        .route("/rollups", get(pages::rollups))
        .route("/rollups/{rollup}", get(pages::rollup))
        .route("/batches/{rollup}/{height}", get(pages::batch))
        .route("/transfers/{id}", get(pages::transfer))
        .route("/exits", get(pages::exits))
        .route("/exits/{rollup}/{index}", get(pages::exit))
        .route("/ledger", get(pages::ledger))
        .route("/ledger/accounts/{account}", get(pages::account))
        .route("/jobs", get(pages::jobs))
        .route("/costs", get(pages::costs))
        .route("/audit", get(pages::audit))
        .route("/search", get(pages::search))
        .route("/assets/{name}", get(pages::asset))
        .merge(SwaggerUi::new("/docs").config(config).url("/openapi.json", document))
        .fallback(layers::route_not_found)
        .method_not_allowed_fallback(layers::method_not_allowed)
        .with_state(state.clone())
        .layer(middleware::from_fn_with_state(state.clone(), access::check))
        .layer(middleware::from_fn(etag::tag))
        .layer(middleware::from_fn(layers::tell_journal_block))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(time, layers::limit_time))
        .layer(middleware::from_fn_with_state(state, layers::limit_requests))
        .layer(layers::catch_panic())
        .layer(middleware::from_fn(layers::identify))
        .layer(middleware::from_fn_with_state(observed, metrics::observe))
}

/// The `OpenAPI` document of the resources.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = resources().into_openapi();
    etag::describe(&mut document);
    document
}

/// All that the document describes.
fn resources() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(kept_resources()).merge(live_resources())
}

/// What changes with the event log alone, or takes writes: its reads are answered again while nothing happens.
fn kept_resources() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(rollups::list))
        .routes(routes!(rollups::one))
        .routes(routes!(assets::list))
        .routes(routes!(cells::list))
        .routes(routes!(batches::list, batches::post))
        .routes(routes!(batches::one))
        .routes(routes!(transfers::list))
        .routes(routes!(transfers::one))
        .routes(routes!(exits::list))
        .routes(routes!(exits::one))
        .routes(routes!(deposits::list))
        .routes(routes!(epochs::list))
        .routes(routes!(epochs::one))
        .routes(routes!(accounts::list))
        .routes(routes!(trial_balance::one))
        .routes(routes!(flows::list))
}

/// What is large, follows the clock, or shows what no event tells of.
fn live_resources() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(identity::one))
        .routes(routes!(batches::post_many))
        .routes(routes!(exits::receipt))
        .routes(routes!(epochs::seal))
        .routes(routes!(epochs::proof))
        .routes(routes!(simulate::batches))
        .routes(routes!(simulate::seal))
        .routes(routes!(epochs::books))
        .routes(routes!(costs::list))
        .routes(routes!(jobs::read))
        .routes(routes!(epochs::exit_kit))
        .routes(routes!(events::follow))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::one, webhooks::revoke))
        .routes(routes!(webhooks::resume))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(operator_actions::list))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::scrape))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Netfold",
        description = "Shared liquidity for a cluster of rollups: signed batches in, one \
            settlement an epoch on L1.\n\nAmounts are decimal strings in the asset's ledger \
            decimals, with the integer number of atoms beside them; they are never JSON numbers. \
            Times are RFC 3339 in UTC. Lists are pages, newest first: send `next_cursor` back as \
            `cursor`. Errors are RFC 9457 problems: match on `code`. Writes take effect once, \
            however often they are sent.\n\nLists that grow, and sums, may be read from a replica that is \
            behind: their answers say in the header `journal-block` up to which journal block they show \
            everything, at least. What is read by its name is as it is now. `as_of` asks for the books as \
            they stood.\n\nWhat is read in one piece carries an `ETag`: sent back as `If-None-Match` it is answered 304, without \
            a body, as long as nothing changed; what is final never does.\n\nRequests may need an API key, sent as `Authorization: Bearer`: by default \
            those that write, and `/v1/operator-actions`. A key has scopes, of which none includes another: \
            `read`, `submit:{rollup}`, `operate`, `prove`. A batch needs its rollup's signature in any case.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(ProblemBody, events::Event)),
    modifiers(&Keys),
    // Where reading is open, or everything, a key is not needed.
    security((), ("api_key" = ["read"])),
    tags(
        (name = "batches", description = "Signed state transitions of rollups"),
        (name = "rollups", description = "The participants"),
        (name = "assets", description = "The tokens"),
        (name = "cells", description = "What every rollup holds of every asset"),
        (name = "transfers", description = "Single movements in the journal"),
        (name = "exits", description = "Value on its way to L1, and its claims"),
        (name = "deposits", description = "Value that came from L1"),
        (name = "epochs", description = "From open to final, with proofs"),
        (name = "ledger", description = "Accounts and trial balance"),
        (name = "events", description = "What happens, as it happens"),
        (name = "webhooks", description = "The same, posted to whoever asked for it"),
        (name = "domain", description = "What everything signed is bound to"),
        (name = "operation", description = "For whoever restarts and routes"),
    ),
)]
struct Document;

/// How a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("nf_")
            .description(Some("A key that the operator made by `netfold key add`"));
        let scheme = SecurityScheme::Http(scheme.build());
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    }
}
