//! Who asks: keys, and what is asked of them.
//!
//! **Invariant:** unless the api takes requests without keys, nothing is written without a key whose scope
//! allows it, and a key that is revoked is good for no request that comes two seconds later ([`KnownKeys`]); one that
//! came before may take as long as requests may take. A key moves no money: a batch
//! needs its rollup's signature, too.

mod known;

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use alloy_primitives::B256;
use axum::{
    extract::{ConnectInfo, Request, State as Extracted},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::Response as Answer,
};
use ledger::{ApiKey, ApiKeyId, ApiKeySecret, Scope};

use crate::{
    State,
    error::Error,
    rate::{Kind, Who, address},
};
pub(crate) use known::KnownKeys;

/// What is asked of whoever asks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// Nothing: everybody may do everything. For development.
    Open,
    /// A key for what writes, and for what operators did; everybody reads the rest, which is what L1 and the
    /// proofs tell anyway.
    #[default]
    PublicRead,
    /// A key for everything but health and the pages' files.
    Keys,
}

/// Why a request is refused for who asks.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum AccessError {
    /// No key came.
    #[error("send `Authorization: Bearer` and an api key{}", needing(.scope.as_ref()))]
    Missing {
        /// What it has to allow, if that is known without one.
        scope: Option<Scope>,
    },
    /// What came is no key that was ever added.
    #[error(
        "the api key is not one of this api; look for a part that is missing, or ask for another"
    )]
    Unknown,
    /// The key was revoked.
    #[error("api key {id} is revoked; ask the operator for another")]
    Revoked {
        /// Its public part.
        id: ApiKeyId,
    },
    /// The key does not allow it.
    #[error("api key {id} may not do this{}; ask the operator for one that may", needing(Some(.scope)))]
    ScopeMissing {
        /// Its public part.
        id: ApiKeyId,
        /// What it would have to allow.
        scope: Scope,
    },
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    access: Access,
    shown: Option<Shown>,
}

/// The key that a caller showed, which was good when they did.
#[derive(Clone, Debug)]
struct Shown {
    key: Arc<ApiKey>,
    digest: B256,
}

/// The public part of the key that a request came with, for its line in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedWith(pub(crate) ApiKeyId);

impl Caller {
    /// The key's public part, if one was asked for and came.
    pub(crate) fn key(&self) -> Option<ApiKeyId> {
        self.shown.as_ref().map(|shown| shown.key.id)
    }

    /// Lets those through who may do what the scope names.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), AccessError> {
        if self.access == Access::Open {
            return Ok(());
        }
        let shown = self.shown.as_ref().ok_or(AccessError::Missing { scope: Some(scope) })?;
        let key = &shown.key;
        if key.scopes.contains(&scope) {
            Ok(())
        } else {
            Err(AccessError::ScopeMissing { id: key.id, scope })
        }
    }

    /// Whether the key is still good, for what goes on after its request was let through.
    pub(crate) async fn still_stands(&self, state: &State) -> bool {
        match &self.shown {
            None => true,
            Some(shown) => look_up(state, shown.key.id, shown.digest).await.is_ok(),
        }
    }

    /// Whether they may do what the scope names, for what is shown to some.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.require(scope).is_ok()
    }

    fn require_key(&self) -> Result<(), AccessError> {
        match (self.access, &self.shown) {
            (Access::Open, _) | (_, Some(_)) => Ok(()),
            (_, None) => Err(AccessError::Missing { scope: None }),
        }
    }
}

/// Finds out who asks, and refuses what their kind of request needs and they lack, or what they ask too often. Which
/// rollup's batch it is stands in the body: what writes asks the [`Caller`] for its own scope, too.
pub(crate) async fn check(
    Extracted(state): Extracted<State>,
    mut request: Request,
    next: Next,
) -> Result<Answer, Error> {
    let writes = is_writing(request.method(), request.uri().path());
    // Whoever restarts by health is answered while the database is away, whatever key they send.
    let for_everybody = !writes && is_for_everybody(request.uri().path());
    let caller = if for_everybody {
        Caller { access: state.settings().access, shown: None }
    } else {
        let address = address_of(&state, &request);
        let caller = caller(&state, request.headers(), address).await?;
        // Whoever watches is not to be blinded by the load that they watch.
        if request.uri().path() != "/metrics" {
            let who = caller.key().map_or(Who::Address(address), Who::Key);
            state.limiter().take(who, kind(request.method()), Instant::now())?;
        }
        caller
    };
    if writes {
        caller.require_key()?;
    } else if caller.access == Access::Keys && !for_everybody {
        caller.require(Scope::Read)?;
    }
    let asked_with = caller.key().map(AskedWith);
    request.extensions_mut().insert(caller);
    let mut answer = next.run(request).await;
    if let Some(asked_with) = asked_with {
        answer.extensions_mut().insert(asked_with);
    }
    Ok(answer)
}

/// A key that comes is looked at even where none is needed: whoever sends a wrong one wants to know.
/// One that was not seen before costs a look into the database: how many of those come from an address is bounded.
async fn caller(state: &State, headers: &HeaderMap, address: IpAddr) -> Result<Caller, Error> {
    let access = state.settings().access;
    let given = headers.get(header::AUTHORIZATION).filter(|_| access != Access::Open);
    let Some(given) = given else { return Ok(Caller { access, shown: None }) };
    let secret = given.to_str().ok().and_then(bearer).and_then(ApiKeySecret::parse);
    let is_seen = |secret: &ApiKeySecret| state.keys().was_right(secret.id(), secret.digest());
    if !secret.as_ref().is_some_and(is_seen) {
        state.limiter().take(Who::Address(address), Kind::UnseenKey, Instant::now())?;
    }
    let secret = secret.ok_or(AccessError::Unknown)?;
    let shown = look_up(state, secret.id(), secret.digest()).await?;
    Ok(Caller { access, shown: Some(shown) })
}

async fn look_up(state: &State, id: ApiKeyId, digest: B256) -> Result<Shown, Error> {
    let found = state.keys().find(state.ledger(), id, digest).await?;
    let key = found.ok_or(AccessError::Unknown)?;
    match key.revoked_at {
        None => Ok(Shown { key, digest }),
        Some(_) => Err(AccessError::Revoked { id }.into()),
    }
}

/// What follows the scheme, whose name has no case.
fn bearer(text: &str) -> Option<&str> {
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Where a request comes from. One without a connection, which no server makes, shares a bucket with its like.
fn address_of(state: &State, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip());
    address::of_caller(peer, request.headers(), state.limiter().trusted_proxies())
}

/// What a request counts as. A simulation has a body and is computed on: it counts as what it tries.
fn kind(method: &Method) -> Kind {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Kind::Read,
        _ => Kind::Write,
    }
}

/// A simulation has a body and writes nothing.
fn is_writing(method: &Method, path: &str) -> bool {
    path != "/v1/simulate" && !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// What whoever restarts and routes asks, and what a page that is refused is drawn with.
fn is_for_everybody(path: &str) -> bool {
    matches!(path, "/v1/health" | "/v1/ready") || path.starts_with("/assets/")
}

fn needing(scope: Option<&Scope>) -> String {
    scope.map(|scope| format!(" of scope {scope}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scheme is read in any case, and nothing else is taken for it.
    #[test]
    fn the_scheme_is_bearer() {
        for (text, key) in [
            ("Bearer nf_1", Some("nf_1")),
            ("bearer  nf_1 ", Some("nf_1")),
            ("Basic nf_1", None),
            ("nf_1", None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(bearer(text), key, "{text}");
        }
    }
}
