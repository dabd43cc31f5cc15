//! Webhooks, as the schema and the crate hold them: who is told, and how far they are.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use ledger::{
    Act, ApiKeySecret, AttemptNumber, Error, EventNumber, EventType, KeyedRequest, NewWebhook,
    Outcome, PageLimit, Scope, Webhook, WebhookId,
};
use sqlx::AssertSqlSafe;

use crate::world::{World, with_world};

fn new(number: u8) -> NewWebhook<'static> {
    NewWebhook {
        id: WebhookId::from_random([number; 8]),
        url: "https://example.org/hook",
        events: None,
        after: Some(EventNumber::START),
        secret_digest: B256::repeat_byte(number),
    }
}

async fn add(world: &World, new: &NewWebhook<'_>) -> Webhook {
    world.api.add_webhook(new, None, None).await.unwrap()
}

async fn seen(world: &World, webhook: &Webhook) -> Webhook {
    world.api.webhook(webhook.id).await.unwrap().unwrap()
}

/// Attempts the next number at an event.
async fn attempt(
    world: &World,
    webhook: &Webhook,
    event: u64,
    outcome: Outcome,
) -> Result<bool, Error> {
    let number = seen(world, webhook).await.next_attempt();
    world.api.record_webhook_attempt(webhook.id, number, EventNumber::new(event), outcome).await
}

fn refused_by<T: std::fmt::Debug>(result: &Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Forbidden { constraint }) => constraint,
        other => panic!("{other:?}"),
    }
}

const DELIVERED: Outcome = Outcome::Delivered { status: 204 };
const REFUSED: Outcome = Outcome::Refused { status: 500 };

/// Events are told in their order, none left out and none twice, whoever sends: everything else is refused.
#[test]
fn nothing_is_left_out_or_told_twice() {
    with_world(|world| async move {
        let webhook = add(&world, &new(1)).await;
        assert!(webhook.last_event.number() > 5);
        assert_eq!((webhook.position, webhook.failures), (EventNumber::START, 0));
        assert!(webhook.waiting_since.is_some());
        for event in [2, 3] {
            let refused = attempt(&world, &webhook, event, DELIVERED).await;
            assert_eq!(refused_by(&refused), "webhook_attempt_at_the_next");
        }
        assert!(attempt(&world, &webhook, 1, REFUSED).await.unwrap());
        let refused = attempt(&world, &webhook, 2, DELIVERED).await;
        assert_eq!(refused_by(&refused), "webhook_attempt_at_the_next");
        assert!(attempt(&world, &webhook, 1, Outcome::TimedOut).await.unwrap());
        assert_eq!(seen(&world, &webhook).await.failures, 2);
        assert!(attempt(&world, &webhook, 1, DELIVERED).await.unwrap());
        let after = seen(&world, &webhook).await;
        assert_eq!((after.position.number(), after.failures), (1, 0));
        assert!(after.delivered_at.is_some());
        // Another sender had the same idea.
        let first = AttemptNumber::FIRST;
        let again =
            world.api.record_webhook_attempt(webhook.id, first, EventNumber::new(2), DELIVERED);
        assert_eq!(refused_by(&again.await), "webhook_attempt_key");
        let twice = attempt(&world, &webhook, 1, DELIVERED).await;
        assert_eq!(refused_by(&twice), "webhook_attempt_at_the_next");
        let pass = world.api.record_webhook_pass(webhook.id, EventNumber::new(3)).await;
        assert_eq!(refused_by(&pass), "webhook_pass_leaves_nothing_out");
        let limit = PageLimit::new(2).unwrap();
        let attempts = world.api.webhook_attempts(webhook.id, None, limit).await.unwrap();
        let told: Vec<_> = attempts.iter().map(|one| (one.number.number(), one.outcome)).collect();
        assert_eq!(told, [(3, DELIVERED), (2, Outcome::TimedOut)]);
        let earlier = world.api.webhook_attempts(webhook.id, Some(attempts[1].number), limit).await;
        assert_eq!(earlier.unwrap()[0].outcome, REFUSED);
    });
}

/// What is not wanted is passed, and nothing that is wanted is.
#[test]
fn a_webhook_is_told_what_it_wants() {
    with_world(|world| async move {
        let wanted = BTreeSet::from([EventType::Deposited]);
        let webhook = add(&world, &NewWebhook { events: Some(&wanted), ..new(1) }).await;
        assert_eq!(webhook.events, Some(wanted));
        let events = world.api.events_after(EventNumber::START, PageLimit::MAX).await.unwrap();
        let first = events.iter().find(|event| webhook.wants(event)).unwrap().number;
        assert!(first.number() > 2);
        for through in [first, events.last().unwrap().number] {
            let pass = world.api.record_webhook_pass(webhook.id, through).await;
            assert_eq!(refused_by(&pass), "webhook_pass_leaves_nothing_out");
        }
        let before = EventNumber::new(first.number() - 1);
        let unwanted = attempt(&world, &webhook, before.number(), DELIVERED).await;
        assert_eq!(refused_by(&unwanted), "webhook_attempt_at_the_next");
        world.api.record_webhook_pass(webhook.id, before).await.unwrap();
        let again = world.api.record_webhook_pass(webhook.id, before).await;
        assert_eq!(refused_by(&again), "webhook_pass_leaves_nothing_out");
        assert_eq!(seen(&world, &webhook).await.position, before);
        assert!(attempt(&world, &webhook, first.number(), DELIVERED).await.unwrap());
        // From now on: nothing that was.
        let late = add(&world, &NewWebhook { after: None, ..new(2) }).await;
        assert_eq!((late.position, late.waiting_since), (late.last_event, None));
    });
}

/// What failed is counted until it is delivered or an operator has it tried again; what is revoked stays so.
#[test]
fn failures_are_counted_until_resumed() {
    with_world(|world| async move {
        let webhook = add(&world, &new(1)).await;
        // Nothing failed: nothing to resume.
        assert_eq!(world.api.resume_webhook(webhook.id, None, None).await.unwrap().0.failures, 0);
        for outcome in [REFUSED, Outcome::Unreachable, Outcome::Untrusted, Outcome::Forbidden] {
            assert!(attempt(&world, &webhook, 1, outcome).await.unwrap());
        }
        assert_eq!(seen(&world, &webhook).await.failures, 4);
        for _ in 0..2 {
            assert_eq!(
                world.api.resume_webhook(webhook.id, None, None).await.unwrap().0.failures,
                0
            );
        }
        assert!(attempt(&world, &webhook, 1, REFUSED).await.unwrap());
        assert_eq!(seen(&world, &webhook).await.failures, 1);
        let (revoked, _) = world.api.revoke_webhook(webhook.id, None, None).await.unwrap();
        assert!(revoked.revoked_at.is_some());
        assert_eq!(
            world.api.revoke_webhook(webhook.id, None, None).await.unwrap().0.revoked_at,
            revoked.revoked_at
        );
        // What was on its way is recorded, and told that it was the last.
        assert!(!attempt(&world, &webhook, 1, DELIVERED).await.unwrap());
        assert!(world.api.webhooks().await.unwrap().is_empty());
        let acts = world.api.operator_actions(None, PageLimit::MAX).await.unwrap();
        let acts: Vec<_> = acts.iter().map(|action| action.act).collect();
        let id = webhook.id;
        assert_eq!(acts, [Act::WebhookRevoked(id), Act::WebhookResumed(id), Act::WebhookAdded(id)]);
    });
}

/// Resumed and revoked once by its key: sent again, the request leaves alone what has failed since, and a key of
/// one request is no key of another.
#[test]
fn a_webhook_is_resumed_once_by_its_key() {
    with_world(|world| async move {
        let keyed = |asked: &str| KeyedRequest::new(None, "again".parse().unwrap(), asked, b"");
        let (resume, other) = (keyed("resume"), keyed("revoke"));
        let webhook = add(&world, &new(1)).await;
        let id = webhook.id;
        let unknown = WebhookId::from_random([9; 8]);
        let missing = world.api.resume_webhook(unknown, None, Some(&resume)).await;
        assert!(
            matches!(missing, Err(Error::UnknownWebhook { id }) if id == unknown),
            "{missing:?}"
        );
        assert!(attempt(&world, &webhook, 1, REFUSED).await.unwrap());
        for (failures, before) in [(0, false), (1, true)] {
            let (resumed, again) = world.api.resume_webhook(id, None, Some(&resume)).await.unwrap();
            assert_eq!((resumed.failures, again), (failures, before));
            assert!(attempt(&world, &webhook, 1, REFUSED).await.unwrap());
        }
        let refused = world.api.revoke_webhook(id, None, Some(&other)).await;
        assert!(matches!(refused, Err(Error::IdempotencyKeyReused { .. })), "{refused:?}");
        assert!(seen(&world, &webhook).await.revoked_at.is_none());
        let revoke = KeyedRequest::new(None, "gone".parse().unwrap(), "revoke", b"");
        for before in [false, true] {
            let (revoked, again) = world.api.revoke_webhook(id, None, Some(&revoke)).await.unwrap();
            assert!(revoked.revoked_at.is_some() && again == before);
        }
        let acts = world.api.operator_actions(None, PageLimit::MAX).await.unwrap();
        let acts: Vec<_> = acts.iter().map(|action| action.act).collect();
        assert_eq!(acts, [Act::WebhookRevoked(id), Act::WebhookResumed(id), Act::WebhookAdded(id)]);
    });
}

/// What cannot be is refused by name: one that is not there, a start that has not come, a key that may not, and more
/// of them than there may be.
#[test]
fn what_cannot_be_told_is_refused() {
    with_world(|world| async move {
        let unknown = WebhookId::from_random([9; 8]);
        for refused in [
            world.api.revoke_webhook(unknown, None, None).await,
            world.api.resume_webhook(unknown, None, None).await,
        ] {
            assert!(
                matches!(refused, Err(Error::UnknownWebhook { id }) if id == unknown),
                "{refused:?}"
            );
        }
        assert_eq!(world.api.webhook(unknown).await.unwrap(), None);
        let after = Some(EventNumber::new(1_000));
        let refused = world.api.add_webhook(&NewWebhook { after, ..new(1) }, None, None).await;
        assert!(matches!(refused, Err(Error::UnknownEvent { .. })), "{refused:?}");
        let long = format!("https://{}", "x".repeat(2048));
        let refused = world.api.add_webhook(&NewWebhook { url: &long, ..new(1) }, None, None).await;
        assert!(matches!(refused, Err(Error::OutOfBound { .. })), "{refused:?}");
        let secret = ApiKeySecret::from_random([1; 8], [1; 32]);
        let scopes = BTreeSet::from([Scope::Read]);
        world.owner.add_api_key(&secret, "reader", &scopes).await.unwrap();
        let refused = world.api.add_webhook(&new(1), Some(secret.id()), None).await;
        assert!(matches!(refused, Err(Error::ApiKeyRefused { .. })), "{refused:?}");
        for ledger in [&world.engine, &world.read] {
            let refused = ledger.add_webhook(&new(1), None, None).await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
            let refused = ledger.webhooks().await;
            assert!(matches!(refused, Err(Error::PermissionDenied(_))), "{refused:?}");
        }
        assert!(world.api.webhooks().await.unwrap().is_empty());
        let many = "insert into webhook (webhook_id, url, after_event, secret_digest)
            select lpad(n::text, 16, '0'), 'https://x', 0, sha256('x') from generate_series(1, 100) n";
        sqlx::raw_sql(AssertSqlSafe(many)).execute(&world.raw).await.unwrap();
        let refused = world.api.add_webhook(&new(1), None, None).await;
        assert!(matches!(refused, Err(Error::TooManyWebhooks { limit: 100 })), "{refused:?}");
        let one = world.api.webhooks().await.unwrap()[0].id;
        world.api.revoke_webhook(one, None, None).await.unwrap();
        add(&world, &new(1)).await;
    });
}

/// One sends at a time; the next one may when it is done.
#[test]
fn one_sender_at_a_time() {
    with_world(|world| async move {
        let lock = world.api.lock_webhooks().await.unwrap().unwrap();
        assert!(world.api.lock_webhooks().await.unwrap().is_none());
        assert!(world.engine.lock_engine().await.unwrap().is_some());
        lock.release().await.unwrap();
        assert!(world.api.lock_webhooks().await.unwrap().is_some());
    });
}
