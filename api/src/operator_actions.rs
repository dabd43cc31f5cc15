//! `/v1/operator-actions`: what operators did, and who that was.

use axum::{Extension, Json, extract::State as Extracted};
use ledger::{Act, ActionNumber, OperatorAction, Scope};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    State,
    access::Caller,
    error::{Error, Problems},
    extract::Parameters,
    page::{Page, PageQuery},
};

/// What an operator did.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Action {
    /// Its place in the log, from 1, without gaps.
    pub number: u64,
    /// What was done.
    pub action: ActionKind,
    /// The epoch that was to be sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The public part of the key that was added or revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The webhook that was added, revoked or resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// The public part of the key that it was asked with; absent for who came to the database itself, and
    /// where the api takes requests without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_key: Option<String>,
    /// The login by which it came to the database.
    pub login: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub acted_at: OffsetDateTime,
}

/// What can be done.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionKind {
    /// The open epoch was to be sealed.
    SealRequested,
    /// A key was added.
    KeyAdded,
    /// A key was revoked.
    KeyRevoked,
    /// A webhook was added.
    WebhookAdded,
    /// A webhook was revoked.
    WebhookRevoked,
    /// A webhook that had failed was resumed.
    WebhookResumed,
}

/// List what operators did, newest first
///
/// Each is written with the act itself, and never changed. Asking for a seal again is no act.
#[utoipa::path(
    get, path = "/v1/operator-actions", operation_id = "list_operator_actions", tag = "operation",
    security((), ("api_key" = ["operate"])),
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses((status = 200, description = "A page", body = Page<Action>), Problems),
)]
pub(crate) async fn list(
    Extracted(state): Extracted<State>,
    Extension(caller): Extension<Caller>,
    mut query: Parameters,
) -> Result<Json<Page<Action>>, Error> {
    caller.require(Scope::Operate)?;
    let page = PageQuery::<ActionNumber>::take("operator-actions", &mut query)?;
    query.finish()?;
    let rows = state.ledger().operator_actions(page.before, page.limit).await?;
    Ok(Json(page.page(rows, |action| action.number, |action| Action::of(&action))))
}

impl Action {
    fn of(action: &OperatorAction) -> Self {
        let (mut epoch, mut key, mut webhook) = (None, None, None);
        let kind = match action.act {
            Act::SealRequested(number) => {
                epoch = Some(number.number());
                ActionKind::SealRequested
            }
            Act::KeyAdded(id) => {
                key = Some(id.to_string());
                ActionKind::KeyAdded
            }
            Act::KeyRevoked(id) => {
                key = Some(id.to_string());
                ActionKind::KeyRevoked
            }
            Act::WebhookAdded(id) => {
                webhook = Some(id.to_string());
                ActionKind::WebhookAdded
            }
            Act::WebhookRevoked(id) => {
                webhook = Some(id.to_string());
                ActionKind::WebhookRevoked
            }
            Act::WebhookResumed(id) => {
                webhook = Some(id.to_string());
                ActionKind::WebhookResumed
            }
        };
        Self {
            number: action.number.number(),
            action: kind,
            epoch,
            key,
            webhook,
            by_key: action.by.map(|key| key.to_string()),
            login: action.login.clone(),
            acted_at: action.acted_at,
        }
    }
}
