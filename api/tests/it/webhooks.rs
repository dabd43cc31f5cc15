//! Webhooks: events posted to real receivers, whatever those do.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use api::{Access, Reach, Settings, State, WebhookMaster, WebhookSettings};
use axum::{
    Router,
    body::Bytes,
    extract::State as Extracted,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use ledger::{Ledger, Role};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    rollup::{Rollup, USDC, transfer},
    world::{Answer, World},
};

/// Who is told: what came, and how the next posts are to be answered; with 204 when nothing is said.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<(Vec<Post>, Vec<Reply>)>>);

#[derive(Clone, Debug)]
struct Post {
    path: String,
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Reply {
    Status(u16),
    Redirect,
    /// 204, after a while.
    Late,
    Never,
}

pub(crate) struct Receiver {
    inbox: Inbox,
    pub(crate) url: String,
    server: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn new(replies: &[Reply]) -> Self {
        let inbox = Inbox::default();
        inbox.0.lock().unwrap().1.extend(replies.iter().rev());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(inbox.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inbox, url, server }
    }

    fn posts(&self) -> Vec<Post> {
        self.inbox.0.lock().unwrap().0.clone()
    }

    /// The events that came, one for each post.
    fn events(&self) -> Vec<u64> {
        let number = |post: &Post| {
            let body: Value = serde_json::from_str(&post.body).unwrap();
            body["data"]["number"].as_u64().unwrap()
        };
        self.posts().iter().map(number).collect()
    }

    pub(crate) async fn until(&self, count: usize) {
        let arrived = async {
            while self.posts().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, arrived).await;
        came.unwrap_or_else(|_| panic!("{:?}", self.events()));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    Extracted(inbox): Extracted<Inbox>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name| headers[name].to_str().unwrap().to_owned();
    let reply = {
        let mut inbox = inbox.0.lock().unwrap();
        inbox.0.push(Post {
            path: uri.path().to_owned(),
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        inbox.1.pop()
    };
    match reply.unwrap_or(Reply::Status(204)) {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        Reply::Late => {
            tokio::time::sleep(Duration::from_millis(250)).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Reply::Never => std::future::pending().await,
    }
}

pub(crate) fn settings(reach: Reach) -> Settings {
    let master = WebhookMaster::new(&"in test ".repeat(5)).unwrap();
    let mut webhooks = WebhookSettings::new(master, reach, None).unwrap();
    webhooks.timeout = Duration::from_millis(500);
    webhooks.first_wait = Duration::from_millis(10);
    webhooks.longest_wait = Duration::from_millis(20);
    webhooks.most_failures = 4;
    Settings { access: Access::Open, webhooks: Some(webhooks), ..Settings::default() }
}

async fn add(world: &World, body: &Value) -> Answer {
    world.post("/v1/webhooks", "application/json", body.to_string().into_bytes()).await
}

pub(crate) async fn added(world: &World, body: &Value) -> Value {
    let answer = add(world, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let added = answer.json();
    let location = format!("/v1/webhooks/{}", added["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), location);
    added
}

/// Reads a webhook until it is in a state.
pub(crate) async fn until_state(world: &World, webhook: &Value, state: &str) -> Value {
    let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let reached = async {
        loop {
            let read = world.get(&path).await.json();
            if read["state"] == state {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap()
}

/// Whether each post is signed with the secret, by Node's own cryptography.
fn assert_signed(secret: &str, posts: &[Post]) {
    let program = "const {createHmac} = require('crypto');
        const {secret, posts} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
        const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
        for (const [id, timestamp, body, signature] of posts) {
            const made = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`);
            if (`v1,${made.digest('base64')}` !== signature) process.exit(1);
            if (Math.abs(Date.now() / 1000 - timestamp) > 300) process.exit(2);
        }";
    let posts: Vec<_> = posts
        .iter()
        .map(|post| json!([post.id, post.timestamp, post.body, post.signature]))
        .collect();
    let mut node =
        Command::new("node").args(["-e", program]).stdin(Stdio::piped()).spawn().unwrap();
    let input = json!({"secret": secret, "posts": posts}).to_string();
    node.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(node.wait().unwrap().success());
}

/// Every event is told once, in order, signed, from the start on; the secret is shown once; what is revoked is told
/// nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_in_order_and_signed() {
    let world = World::bound("webhook_order", settings(Reach::Loopback)).await;
    let receiver = Receiver::new(&[]).await;
    let webhook = added(&world, &json!({"url": receiver.url, "after": 0})).await;
    let wants = json!({"url": receiver.url, "events": ["batch_posted"], "after": 0});
    let last = world.engine.last_event().await.unwrap().number();
    receiver.until(usize::try_from(last).unwrap()).await;
    assert_eq!(receiver.events(), (1..=last).collect::<Vec<_>>());
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 5)], &[]).await;
    receiver.until(usize::try_from(last + 1).unwrap()).await;
    let posts = receiver.posts();
    let secret = webhook["secret"].as_str().unwrap();
    assert_signed(secret, &posts);
    let told: Value = serde_json::from_str(&posts.last().unwrap().body).unwrap();
    assert_eq!((&told["type"], &told["data"]["rollup"]), (&json!("batch_posted"), &json!(1)));
    let mut ids: Vec<_> = posts.iter().map(|post| post.id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), posts.len());
    let path = format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let read = world.get(&path).await;
    assert!(!read.text.contains("whsec_") && !world.database.dump().contains(secret));
    let listed = world.get("/v1/webhooks").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let revoke = async |path: &str| {
        let request = world.client.delete(world.url(path)).header("idempotency-key", "gone");
        Answer::of(request.send().await.unwrap()).await
    };
    for replayed in ["", "true"] {
        let revoked = revoke(&path).await;
        assert_eq!((revoked.status, &revoked.json()["state"]), (200, &json!("revoked")));
        assert_eq!(revoked.header("idempotent-replayed"), replayed);
    }
    let other = revoke("/v1/webhooks/0123456789abcdef").await;
    assert_eq!((other.status, &other.problem()["code"]), (409, &json!("idempotency_key_reused")));
    // Another one, of what it wants alone, shows that events are still told.
    let before = receiver.posts().len();
    added(&world, &wants).await;
    world.booked(&mut one, &[transfer(2, USDC, 5)], &[]).await;
    receiver.until(before + 2).await;
    assert_eq!(receiver.events()[before..], [last + 1, last + 2]);
    let acts = world.get("/v1/operator-actions").await.json();
    let acts: Vec<_> = acts["items"].as_array().unwrap().iter().map(|act| &act["action"]).collect();
    assert_eq!(acts, ["webhook_added", "webhook_revoked", "webhook_added"]);
    world.end().await;
}

/// With an idempotency key a webhook is added once, and whoever lost the answer gets it again, its secret too; after
/// the api's own secret was changed, without it.
#[tokio::test]
async fn a_webhook_is_added_once() {
    let world = World::bound("webhook_once", settings(Reach::Loopback)).await;
    let add = async |base: &str, body: &Value| {
        let request = world.client.post(format!("{base}/v1/webhooks"));
        let request = request.header("idempotency-key", "hook-1").json(body);
        Answer::of(request.send().await.unwrap()).await
    };
    let base = world.url("");
    let asked = json!({"url": "http://127.0.0.1:9/hook", "events": ["epoch_settled"]});
    let first = add(&base, &asked).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""), "{}", first.text);
    let again = add(&base, &asked).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.json(), first.json());
    let other = add(&base, &json!({"url": "http://127.0.0.1:9/other"})).await;
    assert_eq!((other.status, &other.problem()["code"]), (409, &json!("idempotency_key_reused")));
    let listed = world.get("/v1/webhooks").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);

    let place = first.header("location").to_owned();
    // What has been used is shown to nobody any more.
    let receiver = Receiver::new(&[]).await;
    let used = json!({"url": receiver.url, "after": 0});
    let request = || world.client.post(world.url("/v1/webhooks")).header("idempotency-key", "used");
    let first = Answer::of(request().json(&used).send().await.unwrap()).await;
    assert!(first.json()["secret"].is_string());
    let path = format!("/v1/webhooks/{}", first.json()["id"].as_str().unwrap());
    while world.get(&path).await.json().get("delivered_at").is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let again = Answer::of(request().json(&used).send().await.unwrap()).await;
    assert_eq!((again.status, again.json().get("secret")), (201, None));

    let ledger = Ledger::connect(&world.gate.url, Role::Api, 4).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut changed = settings(Reach::Loopback);
    changed.webhooks.as_mut().unwrap().master = WebhookMaster::new(&"another ".repeat(5)).unwrap();
    let state = State::new(ledger.clone(), changed);
    let second = tokio::spawn(api::serve(listener, state, std::future::pending()));
    let again = add(&base, &asked).await;
    assert_eq!((again.status, again.json().get("secret")), (201, None));
    assert_eq!(again.header("location"), place);
    second.abort();
    ledger.close().await;
    world.end().await;
}

/// What fails is tried again with the same id, before anything after it; a redirect is a failure and not followed.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again() {
    let world = World::bound("webhook_retry", settings(Reach::Loopback)).await;
    let replies = [Reply::Status(500), Reply::Never, Reply::Redirect, Reply::Status(200)];
    let receiver = Receiver::new(&replies).await;
    let webhook = added(&world, &json!({"url": receiver.url, "after": 0})).await;
    receiver.until(6).await;
    assert_eq!(receiver.events()[..6], [1, 1, 1, 1, 2, 3]);
    let posts = receiver.posts();
    assert!(posts[..4].iter().all(|post| post.id == posts[0].id));
    assert!(posts.iter().all(|post| post.path == "/hook"));
    let id = webhook["id"].as_str().unwrap();
    let mut seen = Vec::new();
    let mut query = "?limit=1000".to_owned();
    while seen.len() < 4 {
        let page = world.get(&format!("/v1/webhooks/{id}/deliveries{query}")).await.json();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=1000&cursor={cursor}"),
            None => break,
        }
    }
    let told = |one: &Value| json!([one["number"], one["event"], one["outcome"], one["status"]]);
    let mut first: Vec<_> = seen.iter().rev().take(4).map(told).collect();
    first.sort_by_key(|one| one[0].as_u64());
    assert_eq!(
        first,
        [
            json!([1, 1, "refused", 500]),
            json!([2, 1, "timed_out", null]),
            json!([3, 1, "refused", 302]),
            json!([4, 1, "delivered", 200]),
        ]
    );
    world.end().await;
}

/// Who cannot be reached is given up, which monitoring sees, and told everything once they are resumed; others are told
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_up_goes_on_when_resumed() {
    let world = World::bound("webhook_given_up", settings(Reach::Loopback)).await;
    let away = Receiver::new(&[]).await;
    let url = away.url.clone();
    drop(away);
    let webhook = added(&world, &json!({"url": url, "after": 0})).await;
    let other = Receiver::new(&[]).await;
    added(&world, &json!({"url": other.url, "after": 0})).await;
    let given_up = until_state(&world, &webhook, "given_up").await;
    assert_eq!(given_up["failures_in_a_row"], 4);
    assert_eq!(given_up["last_delivery"]["outcome"], "unreachable");
    assert_eq!(given_up["position"], 0);
    let last = world.engine.last_event().await.unwrap().number();
    other.until(usize::try_from(last).unwrap()).await;
    let id = webhook["id"].as_str().unwrap();
    let metrics = world.get("/metrics").await.text;
    assert!(
        metrics.contains(&format!("netfold_webhook_given_up{{webhook=\"{id}\"}} 1.0")),
        "{metrics}"
    );
    let waiting = format!("netfold_webhook_waiting_seconds{{webhook=\"{id}\"}} ");
    assert!(metrics.contains(&waiting), "{metrics}");
    let resumed = world.send(Method::POST, &format!("/v1/webhooks/{id}/resume")).await;
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    until_state(&world, &webhook, "given_up").await;
    assert_eq!(
        world.get("/v1/operator-actions").await.json()["items"][0]["action"],
        "webhook_resumed"
    );
    world.end().await;
}

/// Of two processes one tells; when it ends, with a post in hand, the other goes on right after it: nothing is told
/// twice, nothing is left out, and nothing out of order.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_goes_on() {
    let mut world = World::bound("webhook_two", settings(Reach::Loopback)).await;
    let ledger = Ledger::connect(&world.gate.url, Role::Api, 4).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let state = State::new(ledger.clone(), settings(Reach::Loopback));
    let second = tokio::spawn(api::serve(listener, state, std::future::pending()));
    let receiver = Receiver::new(&[]).await;
    added(&world, &json!({"url": receiver.url, "after": 0})).await;
    let mut one = Rollup::new(1);
    for _ in 0..3 {
        world.booked(&mut one, &[transfer(2, USDC, 5)], &[]).await;
    }
    let last = world.engine.last_event().await.unwrap().number();
    receiver.until(usize::try_from(last).unwrap()).await;
    receiver.inbox.0.lock().unwrap().1.push(Reply::Late);
    world.booked(&mut one, &[transfer(2, USDC, 5)], &[]).await;
    let last = world.engine.last_event().await.unwrap().number();
    receiver.until(usize::try_from(last).unwrap()).await;
    world.stop().await;
    let three = Rollup::new(3);
    let batch = three.batch(world.word(), &[transfer(2, USDC, 5)], &[]);
    let batch = domain::Batch::new(batch).unwrap();
    ledger.post_batch(&batch).await.unwrap();
    receiver.until(usize::try_from(last + 1).unwrap()).await;
    assert_eq!(receiver.events(), (1..=last + 1).collect::<Vec<_>>());
    second.abort();
    ledger.close().await;
    world.end().await;
}

/// What nobody can be told by is refused by name, and by default nothing of this machine is reached.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_refused() {
    let world = World::bound("webhook_refused", settings(Reach::Public)).await;
    let url = "https://localhost:9/hook";
    for (body, status, code, param) in [
        (json!({}), 400, "missing_field", "url"),
        (json!({"url": 1}), 400, "wrong_type", "url"),
        (json!({"url": "http://example.org/"}), 400, "invalid_value", "url"),
        (json!({"url": "https://10.0.0.1/"}), 400, "invalid_value", "url"),
        (json!({"url": url, "events": []}), 400, "invalid_value", "events"),
        (json!({"url": url, "events": ["batch"]}), 400, "invalid_value", "events[0]"),
        (json!({"url": url, "after": -1}), 400, "invalid_value", "after"),
        (json!({"url": url, "after": 1_000_000}), 409, "event_not_reached", "after"),
        (json!({"url": url, "x": 1}), 400, "unknown_field", "x"),
    ] {
        let answer = add(&world, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
        let problem = answer.problem();
        assert_eq!((&problem["code"], &problem["param"]), (&json!(code), &json!(param)), "{body}");
    }
    // A name is looked at when it is known where it leads.
    let webhook = added(&world, &json!({"url": url, "after": 0})).await;
    let given_up = until_state(&world, &webhook, "given_up").await;
    assert_eq!(given_up["last_delivery"]["outcome"], "forbidden");
    for method in [Method::GET, Method::DELETE] {
        let answer = world.send(method, "/v1/webhooks/00000000000000ff").await;
        assert_eq!((answer.status, &answer.problem()["code"]), (404, &json!("webhook_not_found")));
    }
    assert_eq!(world.get("/v1/webhooks/x").await.problem()["code"], "invalid_parameter");
    world.end().await;
    let off = World::new("webhook_off").await;
    let answer = add(&off, &json!({"url": url})).await;
    assert_eq!((answer.status, &answer.problem()["code"]), (409, &json!("webhooks_off")));
    off.end().await;
}

const PATIENCE: Duration = Duration::from_secs(30);
