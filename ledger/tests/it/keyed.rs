//! Idempotency keys: what a request wrote is answered again, and nothing is written twice.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use domain::{Batch, EpochNumber};
use ledger::{
    Answered, ApiKeyId, ApiKeySecret, Error, KeyedRequest, Ledger, NewWebhook, Role, Scope,
    SealReason, WebhookId,
};
use tokio::task::JoinSet;

use crate::roles::{connect, refused_by};
use crate::world::{ETH, ONE, THREE, TWO, World, to, with_world};

fn keyed(caller: Option<ApiKeyId>, key: &str, body: &str) -> KeyedRequest {
    KeyedRequest::new(caller, key.parse().unwrap(), "POST /v1/batches", body.as_bytes())
}

/// Whoever asks without a key of the api.
fn anonymous(key: &str, body: &str) -> KeyedRequest {
    keyed(None, key, body)
}

async fn post(api: &Ledger, batch: &Batch, request: &KeyedRequest) -> Result<Answered, Error> {
    api.post_batches(&[(0, batch)], Some(request)).await.remove(0)
}

async fn kept(world: &World) -> Vec<(String, i32, Option<i64>, bool)> {
    let rows =
        "select idempotency_key, item, block_number, replayed from keyed_write order by 1, 2";
    sqlx::query_as(rows).fetch_all(&world.raw).await.unwrap()
}

fn assert_reused(answer: &Result<Answered, Error>, request: &KeyedRequest) {
    let Err(Error::IdempotencyKeyReused { key }) = answer else { panic!("{answer:?}") };
    assert_eq!(key, &request.key);
}

async fn add_key(world: &World, number: u8) -> ApiKeyId {
    let secret = ApiKeySecret::from_random([number; 8], [number; 32]);
    let scopes = BTreeSet::from([Scope::Submit(ONE), Scope::Operate]);
    world.owner.add_api_key(&secret, "in test", &scopes).await.unwrap().id
}

/// The same request is answered the same: by this process and another, from whatever it knows of the books,
/// and after its batch was evicted; another one by that key is refused, before any rule is asked; and another
/// caller's key is another key.
#[test]
fn a_key_stands_for_one_request_for_good() {
    with_world(|mut world| async move {
        let other = Ledger::connect(&world.url, Role::Api, 2).await.unwrap();
        let request = anonymous("k", "one");
        let first = world.batch(ONE, vec![to(TWO, ETH, 7)], Vec::new());
        let booked = post(&world.api, &first, &request).await.unwrap();
        assert!(!booked.again && !booked.posted.replayed);
        world.advance(&first);
        let next = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        let spends = world.batch(THREE, vec![to(ONE, ETH, 5_000)], Vec::new());
        let before = world.dump().await;
        let again = Answered { again: true, ..booked };
        for api in [&world.api, &other, &world.api] {
            assert_eq!(post(api, &first, &request).await.unwrap(), again);
            // Free or taken, good or bad: it is another request.
            for batch in [&next, &first, &spends] {
                let different = anonymous("k", "two");
                assert_reused(&post(api, batch, &different).await, &different);
            }
        }
        assert_eq!(world.dump().await, before);

        let caller = add_key(&world, 1).await;
        let theirs = keyed(Some(caller), "k", "two");
        let booked_theirs = post(&world.api, &next, &theirs).await.unwrap();
        assert!(!booked_theirs.again);
        world.advance(&next);
        // Under another key the same batch is a repetition, and is one whenever that key comes.
        let late = anonymous("late", "one");
        let replay = post(&world.api, &first, &late).await.unwrap();
        assert!(!replay.again && replay.posted.replayed);
        let replay_again = Answered { again: true, ..replay };
        assert_eq!(post(&other, &first, &late).await.unwrap(), replay_again);

        world.evict(&first, "in test").await.unwrap();
        let before = world.dump().await;
        for api in [&world.api, &other] {
            assert_eq!(post(api, &first, &request).await.unwrap(), again);
            assert_eq!(post(api, &first, &late).await.unwrap(), replay_again);
            let theirs_again = Answered { again: true, ..booked_theirs };
            assert_eq!(post(api, &next, &theirs).await.unwrap(), theirs_again);
        }
        assert_eq!(world.dump().await, before);
        world.assert_clean().await;
        other.close().await;
    });
}

/// Of sixteen clients of two processes that send the same at once one has it booked, and all are told of that.
#[test]
fn sixteen_at_once_book_once() {
    with_world(|mut world| async move {
        let other = Ledger::connect(&world.url, Role::Api, 4).await.unwrap();
        for round in 0..4 {
            let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
            let mut clients = JoinSet::new();
            for nth in 0..16 {
                let api = if nth % 2 == 0 { world.api.clone() } else { other.clone() };
                let request = anonymous(&format!("round-{round}"), "same");
                let batch = batch.clone();
                clients.spawn(async move { post(&api, &batch, &request).await.unwrap() });
            }
            let answers = clients.join_all().await;
            let firsts = answers.iter().filter(|answered| !answered.again).count();
            assert_eq!(firsts, 1);
            for answered in &answers {
                assert_eq!(answered.posted, answers[0].posted);
                assert!(!answered.posted.replayed);
            }
            world.advance(&batch);
        }
        assert_eq!(kept(&world).await.len(), 4);
        world.assert_clean().await;
        other.close().await;
    });
}

/// Of three different requests that come at once by one key one is done, the others are refused.
#[test]
fn different_requests_race_for_a_key() {
    with_world(|mut world| async move {
        let other = Ledger::connect(&world.url, Role::Api, 4).await.unwrap();
        for round in 0..4 {
            let key = format!("round-{round}");
            let rollups = [ONE, TWO, THREE];
            let batches = rollups.map(|rollup| {
                let to_whom = if rollup == ONE { TWO } else { ONE };
                world.batch(rollup, vec![to(to_whom, ETH, 1)], Vec::new())
            });
            let mut clients = JoinSet::new();
            for nth in 0..12_usize {
                let api = if nth % 2 == 0 { world.api.clone() } else { other.clone() };
                let (of, batch) = (nth % 3, batches[nth % 3].clone());
                let request = anonymous(&key, &of.to_string());
                clients.spawn(async move { (of, post(&api, &batch, &request).await) });
            }
            let mut winners = BTreeSet::new();
            for (of, answer) in clients.join_all().await {
                match answer {
                    Ok(_) => drop(winners.insert(of)),
                    refused => assert_reused(&refused, &anonymous(&key, "")),
                }
            }
            assert_eq!(winners.len(), 1, "{winners:?}");
            let winner = *winners.first().unwrap();
            world.advance(&batches[winner]);
        }
        assert_eq!(kept(&world).await.len(), 4);
        world.assert_clean().await;
        other.close().await;
    });
}

/// A refusal is not kept: the same request is decided again, and another one may have the key.
#[test]
fn what_is_refused_is_decided_again() {
    with_world(|mut world| async move {
        let spends = world.batch(ONE, vec![to(TWO, ETH, 1_500)], Vec::new());
        let request = anonymous("k", "one");
        for _ in 0..2 {
            let refused = post(&world.api, &spends, &request).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        }
        assert_eq!(kept(&world).await, []);
        let back = world.batch(TWO, vec![to(ONE, ETH, 600)], Vec::new());
        world.post(&back).await;
        let booked = post(&world.api, &spends, &request).await.unwrap();
        assert!(!booked.again && !booked.posted.replayed);
        assert_eq!(kept(&world).await.len(), 1);
        world.assert_clean().await;
    });
}

/// Batches of one request are booked each for itself, by one key: those that were refused are tried again,
/// those that were booked are answered again, and another request by that key is refused as a whole.
#[test]
fn one_key_covers_several_batches() {
    with_world(|mut world| async move {
        let first = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.advance(&first);
        let spends = world.batch(TWO, vec![to(THREE, ETH, 1_500)], Vec::new());
        let last = world.batch(ONE, vec![to(TWO, ETH, 2)], Vec::new());
        world.advance(&last);
        let request = anonymous("bulk", "three");
        let all = [(0, &first), (1, &spends), (2, &last)];
        let answers = world.api.post_batches(&all, Some(&request)).await;
        let booked = |nth: usize| answers[nth].as_ref().unwrap();
        assert_eq!(booked(0).posted.block.number() + 1, booked(2).posted.block.number());
        assert!(matches!(answers[1], Err(Error::Refused(_))), "{:?}", answers[1]);
        let more = world.batch(THREE, vec![to(TWO, ETH, 600)], Vec::new());
        world.post(&more).await;
        let again = world.api.post_batches(&all, Some(&request)).await;
        for nth in [0, 2] {
            assert_eq!(again[nth].as_ref().unwrap(), &Answered { again: true, ..*booked(nth) });
        }
        assert!(!again[1].as_ref().unwrap().again);
        let rows = kept(&world).await;
        assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), [0, 1, 2]);
        let longer = anonymous("bulk", "four");
        for answer in world.api.post_batches(&all, Some(&longer)).await {
            assert_reused(&answer, &longer);
        }
        world.assert_clean().await;
    });
}

/// A process that dies before the commit has neither booked nor kept a key; the same again is booked once.
#[test]
fn killed_between_nothing_is_kept() {
    with_world(|mut world| async move {
        sqlx::raw_sql(
            "create sequence kills_in_test;
            grant usage on sequence kills_in_test to netfold_api;
            create function kill_in_test() returns trigger language plpgsql security definer as $$
                begin
                    if nextval('kills_in_test') <= 6 then
                        perform pg_terminate_backend(pg_backend_pid());
                    end if;
                    return null;
                end $$;
            grant execute on function kill_in_test() to netfold_api;
            create trigger kill_in_test after insert on keyed_write
                for each statement execute function kill_in_test();",
        )
        .execute(&world.raw)
        .await
        .unwrap();
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        let request = anonymous("k", "one");
        // The writer tries it four times.
        let unknown = post(&world.api, &batch, &request).await.unwrap_err();
        assert!(unknown.is_outcome_unknown(), "{unknown:?}");
        let filter = ledger::BatchFilter::default();
        let rows = world.read.batches(&filter, None, ledger::PageLimit::MAX).await.unwrap();
        assert_eq!((rows, kept(&world).await), (vec![], vec![]));
        let booked = post(&world.api, &batch, &request).await.unwrap();
        assert!(!booked.again && !booked.posted.replayed);
        let other = Ledger::connect(&world.url, Role::Api, 2).await.unwrap();
        let again = post(&other, &batch, &request).await.unwrap();
        assert_eq!(again, Answered { again: true, ..booked });
        world.advance(&batch);
        world.assert_clean().await;
        other.close().await;
    });
}

/// A key by which a seal was asked for stands for that epoch once it is sealed, and for no batch.
#[test]
fn a_seal_is_asked_for_once_by_key() {
    with_world(|mut world| async move {
        let caller = add_key(&world, 1).await;
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        world.post(&batch).await;
        for caller in [Some(caller), None] {
            let request = keyed(caller, "seal", "");
            let asked = world.api.request_seal_by_key(caller, Some(&request)).await.unwrap();
            assert_eq!(asked.epoch, EpochNumber::FIRST);
        }
        world.engine.seal(SealReason::Command).await.unwrap().unwrap();
        let before = world.dump().await;
        let request = keyed(Some(caller), "seal", "");
        let again = world.api.request_seal_by_key(Some(caller), Some(&request)).await.unwrap();
        assert_eq!(again.epoch, EpochNumber::FIRST);
        let next = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        let other = keyed(Some(caller), "seal", "other");
        assert_reused(&post(&world.api, &next, &other).await, &other);
        let refused = world.api.request_seal_by_key(Some(caller), Some(&other)).await;
        assert!(matches!(refused, Err(Error::IdempotencyKeyReused { .. })), "{refused:?}");
        assert_eq!(world.dump().await, before);
        // Without it the next epoch is asked for.
        let asked = world.api.request_seal_by_key(Some(caller), None).await.unwrap();
        assert_eq!(asked.epoch, EpochNumber::new(2));
    });
}

/// A webhook is added once by a key, however often and by however many at once that is asked; what was refused is
/// decided anew; and the key stands for nothing else.
#[test]
fn a_webhook_is_added_once_by_key() {
    with_world(|world| async move {
        let new = |number: u8, url: &'static str| NewWebhook {
            id: WebhookId::from_random([number; 8]),
            url,
            events: None,
            after: None,
            secret_digest: B256::repeat_byte(number),
        };
        let url = "https://example.org/hook";
        let request = anonymous("hook", "one");
        let short = world.api.add_webhook(&new(1, "http://"), None, Some(&request)).await;
        assert!(
            matches!(short, Err(Error::OutOfBound { .. } | Error::Forbidden { .. })),
            "{short:?}"
        );
        assert_eq!(kept(&world).await, []);
        let mut adding = JoinSet::new();
        for number in 1..=8 {
            let (api, request) = (world.api.clone(), request.clone());
            adding.spawn(async move {
                api.add_webhook(&new(number, url), None, Some(&request)).await.unwrap().id
            });
        }
        let ids: BTreeSet<_> = adding.join_all().await.into_iter().collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert_eq!(world.api.webhooks().await.unwrap().len(), 1);
        let before = world.dump().await;
        let other = anonymous("hook", "other");
        let refused = world.api.add_webhook(&new(9, url), None, Some(&other)).await;
        assert!(matches!(refused, Err(Error::IdempotencyKeyReused { .. })), "{refused:?}");
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        assert_reused(&post(&world.api, &batch, &other).await, &other);
        let refused = world.api.request_seal_by_key(None, Some(&other)).await;
        assert!(matches!(refused, Err(Error::IdempotencyKeyReused { .. })), "{refused:?}");
        assert_eq!(world.dump().await, before);
        // Revoked, it stays the one that the key stands for.
        let id = *ids.first().unwrap();
        world.api.revoke_webhook(id, None, None).await.unwrap();
        let again = world.api.add_webhook(&new(9, url), None, Some(&request)).await.unwrap();
        assert!(again.id == id && again.revoked_at.is_some());
    });
}

/// By hand, too, no key comes to stand for two requests.
#[test]
fn the_guard_of_keys_is_attacked() {
    with_world(|world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], Vec::new());
        post(&world.api, &batch, &anonymous("k", "one")).await.unwrap();
        let mut api = connect(&world, Role::Api).await;
        let insert = |item: u8, digest: &str| {
            format!(
                "insert into keyed_write (idempotency_key, item, request_digest, block_number,
                    replayed)
                select 'k', {item}, {digest}, block_number, true from keyed_write where item = 0"
            )
        };
        let refused = refused_by(&mut api, &insert(1, "sha256('x')")).await;
        assert_eq!(refused.as_deref(), Some("keyed_write_of_one_request"));
        assert_eq!(refused_by(&mut api, &insert(1, "request_digest")).await, None);
        let both = format!(
            "{}; {}",
            insert(2, "request_digest").replace("'k'", "'new'"),
            insert(3, "sha256('x')").replace("'k'", "'new'")
        );
        let refused = refused_by(&mut api, &both).await;
        assert_eq!(refused.as_deref(), Some("keyed_write_of_one_request"));
    });
}
