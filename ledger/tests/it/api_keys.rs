//! Keys of the api and the log of what operators did, as the schema and the crate hold them.

use std::collections::BTreeSet;

use domain::EpochNumber;
use ledger::{Act, ApiKeyId, ApiKeySecret, Error, PageLimit, Scope};
use sqlx::{AssertSqlSafe, Row};

use crate::world::{ONE, World, with_world};

fn secret(number: u8) -> ApiKeySecret {
    ApiKeySecret::from_random([number; 8], [number; 32])
}

async fn add(world: &World, number: u8, scopes: &[Scope]) -> ApiKeyId {
    let scopes = scopes.iter().copied().collect();
    world.owner.add_api_key(&secret(number), "in test", &scopes).await.unwrap().id
}

async fn acts(world: &World) -> Vec<(u64, Act, Option<ApiKeyId>)> {
    let actions = world.api.operator_actions(None, PageLimit::MAX).await.unwrap();
    actions.into_iter().map(|action| (action.number.number(), action.act, action.by)).collect()
}

/// A key is found by its public part with the hash of the whole; the whole is nowhere in the database.
#[test]
fn only_the_hash_of_a_key_is_kept() {
    with_world(|world| async move {
        let scopes =
            BTreeSet::from([Scope::Read, Scope::Submit(ONE), Scope::Operate, Scope::Prove]);
        let made = world.owner.add_api_key(&secret(7), "rollup one", &scopes).await.unwrap();
        let (found, digest) = world.api.api_key(made.id).await.unwrap().unwrap();
        assert_eq!((&found, digest), (&made, secret(7).digest()));
        assert_eq!((found.scopes, found.revoked_at), (scopes, None));
        assert_eq!(world.owner.api_keys().await.unwrap(), [made]);
        assert_eq!(world.api.api_key(secret(8).id()).await.unwrap(), None);
        let row = sqlx::query("select k::text from api_key k").fetch_one(&world.raw).await.unwrap();
        let kept: String = row.get(0);
        assert!(kept.contains("0707070707070707,\"rollup one\""), "{kept}");
        assert!(!kept.contains(&"07".repeat(32)), "{kept}");
    });
}

/// A revoked key stays revoked since the first time; one that is not there cannot be.
#[test]
fn a_key_is_revoked_once() {
    with_world(|world| async move {
        let id = add(&world, 1, &[Scope::Read]).await;
        let revoked = world.owner.revoke_api_key(id).await.unwrap();
        assert!(revoked.revoked_at.is_some());
        assert_eq!(world.owner.revoke_api_key(id).await.unwrap(), revoked);
        assert_eq!(world.api.api_key(id).await.unwrap().unwrap().0, revoked);
        let unknown = secret(2).id();
        let refused = world.owner.revoke_api_key(unknown).await;
        assert!(matches!(refused, Err(Error::UnknownApiKey { id }) if id == unknown));
        assert_eq!(acts(&world).await.len(), 2);
    });
}

/// The api, the engine and readers neither add nor revoke keys, and readers do not see their hashes.
#[test]
fn keys_are_the_owners() {
    with_world(|world| async move {
        let id = add(&world, 1, &[Scope::Read]).await;
        for ledger in [&world.api, &world.engine, &world.read] {
            let scopes = BTreeSet::from([Scope::Operate]);
            let refused = ledger.add_api_key(&secret(2), "mine", &scopes).await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
            let refused = ledger.revoke_api_key(id).await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        }
        for ledger in [&world.engine, &world.read] {
            let refused = ledger.api_key(id).await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        }
        assert_eq!(acts(&world).await.len(), 1);
    });
}

/// Each act of an operator is in the log once, with who asked, and none without the act.
#[test]
fn every_act_has_its_line() {
    with_world(|world| async move {
        let operator = add(&world, 1, &[Scope::Operate]).await;
        let other = add(&world, 2, &[Scope::Read]).await;
        world.owner.revoke_api_key(other).await.unwrap();
        world.owner.revoke_api_key(other).await.unwrap();
        let request = world.api.request_seal_by_key(Some(operator), None).await.unwrap();
        assert_eq!(request.requested_by, format!("key {operator}"));
        assert_eq!(world.api.request_seal("somebody else").await.unwrap(), request);
        let first = EpochNumber::FIRST;
        assert_eq!(
            acts(&world).await,
            [
                (4, Act::SealRequested(first), Some(operator)),
                (3, Act::KeyRevoked(other), None),
                (2, Act::KeyAdded(other), None),
                (1, Act::KeyAdded(operator), None),
            ]
        );
        let login: String =
            sqlx::query_scalar("select session_user::text").fetch_one(&world.raw).await.unwrap();
        let page = world.read.operator_actions(None, PageLimit::new(2).unwrap()).await.unwrap();
        assert!(page.iter().all(|action| action.login == login));
        let next = world.read.operator_actions(Some(page[1].number), PageLimit::MAX).await.unwrap();
        assert_eq!(next.len(), 2);
        assert_eq!(next[0].number.number(), 2);
    });
}

/// A key that may not operate asks for no seal, however lately it was revoked: nothing is written.
#[test]
fn a_seal_is_asked_for_by_operators_alone() {
    with_world(|world| async move {
        let reader = add(&world, 1, &[Scope::Read, Scope::Prove, Scope::Submit(ONE)]).await;
        let revoked = add(&world, 2, &[Scope::Operate]).await;
        world.owner.revoke_api_key(revoked).await.unwrap();
        let before = world.dump().await;
        for key in [reader, revoked, secret(3).id()] {
            let refused = world.api.request_seal_by_key(Some(key), None).await;
            assert!(
                matches!(refused, Err(Error::ApiKeyRefused { id }) if id == key),
                "{refused:?}"
            );
        }
        // The guard's own name, by hand.
        let by_hand = format!(
            "select set_config('netfold.api_key_id', '{revoked}', true);
            insert into seal_request (epoch_number, requested_by) values (1, 'x')"
        );
        let refused = sqlx::raw_sql(AssertSqlSafe(by_hand)).execute(&world.raw).await.unwrap_err();
        let constraint = refused.as_database_error().unwrap().constraint();
        assert_eq!(constraint, Some("operator_action_of_an_operator"));
        assert_eq!(world.dump().await, before);
    });
}
