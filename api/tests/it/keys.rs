//! API keys: who may ask for what, and what is kept of who did.

use std::{collections::BTreeSet, time::Duration};

use api::{Access, Settings};
use ledger::{ApiKeySecret, Ledger, Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    rollup::{Rollup, USDC, transfer},
    world::{Answer, World, wire},
};

/// A world that asks for keys, and its owner.
struct Guarded {
    world: World,
    owner: Ledger,
}

impl Guarded {
    async fn new(name: &str, access: Access) -> Self {
        let world = World::bound(name, Settings { access, ..Settings::default() }).await;
        let owner = Ledger::connect(&world.database.url, Role::Owner, 2).await.unwrap();
        Self { world, owner }
    }

    /// A key of scopes, as its holder has it.
    async fn key(&self, number: u8, scopes: &[&str]) -> ApiKeySecret {
        let secret = ApiKeySecret::from_random([number; 8], [number; 32]);
        let scopes: BTreeSet<Scope> = scopes.iter().map(|text| text.parse().unwrap()).collect();
        self.owner.add_api_key(&secret, "in test", &scopes).await.unwrap();
        secret
    }

    async fn ask(&self, method: Method, path: &str, key: &str) -> Answer {
        let request = self.world.client.request(method, self.world.url(path));
        Answer::of(request.bearer_auth(key).send().await.unwrap()).await
    }

    async fn post(&self, batch: &Value, key: &str) -> Answer {
        let request = self.world.client.post(self.world.url("/v1/batches")).bearer_auth(key);
        let request = request.header("content-type", "application/json");
        Answer::of(request.body(batch.to_string()).send().await.unwrap()).await
    }

    async fn end(self) {
        self.owner.close().await;
        self.world.end().await;
    }
}

/// The code of a refusal, and the challenge that goes with it.
fn refused(answer: &Answer, status: u16, code: &str) -> (Value, String) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let problem = answer.problem();
    assert_eq!(problem["code"], code, "{}", answer.text);
    (problem, answer.header("www-authenticate").to_owned())
}

/// Where reading is open, writing needs a key of the very scope, whatever else the key may do; a batch is
/// booked for its own rollup's key alone.
#[tokio::test]
async fn writing_needs_its_scope() {
    let guarded = Guarded::new("key_scopes", Access::PublicRead).await;
    let world = &guarded.world;
    let everything_else = guarded.key(1, &["read", "prove", "operate", "submit:2"]).await;
    let one = guarded.key(2, &["submit:1"]).await;
    let batch = wire(&Rollup::new(1).batch(world.word(), &[transfer(2, USDC, 5)], &[]));
    let before = world.database.dump();

    let (problem, challenge) = refused(&world.post_json(&batch).await, 401, "api_key_missing");
    assert_eq!((challenge.as_str(), &problem["scope"]), ("Bearer realm=\"netfold\"", &Value::Null));
    let answer = guarded.post(&batch, everything_else.expose()).await;
    let (problem, challenge) = refused(&answer, 403, "scope_missing");
    assert_eq!(problem["scope"], "submit:1");
    assert!(challenge.ends_with("error=\"insufficient_scope\", scope=\"submit:1\""), "{challenge}");
    let seal = guarded.ask(Method::POST, "/v1/epochs/seal", one.expose()).await;
    let (problem, _) = refused(&seal, 403, "scope_missing");
    assert_eq!(problem["scope"], "operate");
    assert_eq!(world.database.dump(), before);

    assert_eq!(guarded.post(&batch, one.expose()).await.status, 201);
    let seal = guarded.ask(Method::POST, "/v1/epochs/seal", everything_else.expose()).await;
    assert_eq!(seal.status, 202, "{}", seal.text);
    assert_eq!(seal.json()["requested_by"], format!("key {}", everything_else.id()));
    assert_eq!(world.get("/v1/batches/1/0").await.status, 200);
    guarded.end().await;
}

/// What is no key, is another key, or only looks like one of ours is refused, and says nothing of why.
#[tokio::test]
async fn wrong_keys_are_told_apart_from_none() {
    let guarded = Guarded::new("key_wrong", Access::PublicRead).await;
    let good = guarded.key(1, &["read", "operate"]).await;
    let same_id = ApiKeySecret::from_random([1; 8], [9; 32]);
    let never_added = ApiKeySecret::from_random([9; 8], [1; 32]);
    for key in [same_id.expose(), never_added.expose(), "", "nf_", "x", &good.expose()[..83]] {
        for (method, path) in [(Method::POST, "/v1/epochs/seal"), (Method::GET, "/v1/rollups")] {
            let answer = guarded.ask(method, path, key).await;
            let (_, challenge) = refused(&answer, 401, "api_key_unknown");
            assert_eq!(challenge, "Bearer realm=\"netfold\", error=\"invalid_token\"");
            assert!(!answer.text.contains(good.expose()));
        }
    }
    let basic = guarded.world.client.post(guarded.world.url("/v1/epochs/seal"));
    let basic = Answer::of(basic.basic_auth("x", Some(good.expose())).send().await.unwrap()).await;
    refused(&basic, 401, "api_key_unknown");
    assert_eq!(guarded.ask(Method::POST, "/v1/epochs/seal", good.expose()).await.status, 202);
    guarded.end().await;
}

/// Where keys are asked of everybody, reading needs `read`, and only health and the pages' files need none.
#[tokio::test]
async fn reading_needs_a_key_where_it_is_asked_for() {
    let guarded = Guarded::new("key_reading", Access::Keys).await;
    let world = &guarded.world;
    let reader = guarded.key(1, &["read"]).await;
    let submitter = guarded.key(2, &["submit:1"]).await;
    for path in ["/", "/v1/rollups", "/v1/events", "/openapi.json", "/docs", "/v1/nothing"] {
        let (problem, _) = refused(&world.get(path).await, 401, "api_key_missing");
        assert_eq!(problem["scope"], "read", "{path}");
        let answer = guarded.ask(Method::GET, path, submitter.expose()).await;
        refused(&answer, 403, "scope_missing");
    }
    for path in ["/v1/health", "/v1/ready"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    assert_eq!(world.get("/assets/nothing").await.status, 404);
    assert_eq!(guarded.ask(Method::GET, "/v1/rollups", reader.expose()).await.status, 200);
    let page = guarded.ask(Method::GET, "/", reader.expose()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    guarded.end().await;
}

/// A revoked key is good for nothing some moments later, and a stream that it opened ends.
#[tokio::test]
async fn a_revoked_key_is_refused_soon() {
    let guarded = Guarded::new("key_revoked", Access::Keys).await;
    let key = guarded.key(1, &["read", "operate"]).await;
    assert_eq!(guarded.ask(Method::GET, "/v1/rollups", key.expose()).await.status, 200);
    let stream = guarded.world.client.get(guarded.world.url("/v1/events"));
    let mut stream = stream.bearer_auth(key.expose()).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    guarded.owner.revoke_api_key(key.id()).await.unwrap();
    // The database knows it at once: nothing is written with it, however fresh what the api knows is.
    let seal = guarded.ask(Method::POST, "/v1/epochs/seal", key.expose()).await;
    let (_, challenge) = refused(&seal, 401, "api_key_revoked");
    assert!(challenge.ends_with("error=\"invalid_token\""), "{challenge}");
    assert_eq!(guarded.world.engine.pending_seal_request().await.unwrap(), None);
    let over = async {
        while guarded.ask(Method::GET, "/v1/rollups", key.expose()).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        while matches!(stream.chunk().await, Ok(Some(_))) {}
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("the key is refused");
    let answer = guarded.ask(Method::GET, "/v1/rollups", key.expose()).await;
    refused(&answer, 401, "api_key_revoked");
    guarded.end().await;
}

/// A stolen key moves no money: without the rollup's signature its batch is refused, whatever the key may do.
#[tokio::test]
async fn a_stolen_key_moves_no_money() {
    let guarded = Guarded::new("key_stolen", Access::Keys).await;
    let world = &guarded.world;
    let stolen = guarded.key(1, &["read", "operate", "prove", "submit:1", "submit:2"]).await;
    let one = Rollup::new(1);
    let mut parts = one.batch(world.word(), &[transfer(2, USDC, 4_000)], &[]);
    // The thief has a key of their own, as good as any, but not the rollup's.
    parts.signature = Rollup::new(9).sign(world.word(), parts.clone()).signature;
    let before = world.database.dump();
    let answer = guarded.post(&wire(&parts), stolen.expose()).await;
    refused(&answer, 403, "signature_invalid");
    assert_eq!(world.database.dump(), before);
    guarded.end().await;
}

/// Every operation that writes refuses a key that may only read, and one that nobody thought of when it was
/// made refuses it, too.
#[tokio::test]
async fn every_write_asks_for_a_scope() {
    let guarded = Guarded::new("key_writes", Access::PublicRead).await;
    let reader = guarded.key(1, &["read"]).await;
    let batch = Rollup::new(1).batch(guarded.world.word(), &[transfer(2, USDC, 5)], &[]);
    let document: Value = serde_json::from_str(&api::openapi().to_json().unwrap()).unwrap();
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Trying has a body and writes nothing.
        let writes = |method: &&String| *method != "get" && path != "/v1/simulate";
        for method in methods.as_object().unwrap().keys().filter(writes) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = guarded.world.client.request(method, guarded.world.url(path));
            let request = request.header("content-type", "application/json");
            let several = json!({"batches": [wire(&batch)]});
            let body = if path.ends_with("/bulk") { several } else { wire(&batch) };
            let request = request.body(body.to_string());
            let answer = request.bearer_auth(reader.expose()).send().await.unwrap();
            refused(&Answer::of(answer).await, 403, "scope_missing");
            tried += 1;
        }
    }
    assert!(tried >= 3, "{tried}");
    guarded.end().await;
}

/// The log of what operators did is read by operators, page by page.
#[tokio::test]
async fn operators_read_what_operators_did() {
    let guarded = Guarded::new("key_log", Access::PublicRead).await;
    let world = &guarded.world;
    let operator = guarded.key(1, &["operate"]).await;
    let reader = guarded.key(2, &["read"]).await;
    guarded.owner.revoke_api_key(reader.id()).await.unwrap();
    for _ in 0..2 {
        let seal = guarded.ask(Method::POST, "/v1/epochs/seal", operator.expose()).await;
        assert_eq!(seal.status, 202);
    }
    let path = "/v1/operator-actions";
    let (problem, _) = refused(&world.get(path).await, 401, "api_key_missing");
    assert_eq!(problem["scope"], "operate");
    let mut seen = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = guarded.ask(Method::GET, &format!("{path}{query}"), operator.expose()).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => query = format!("?limit=3&cursor={next}"),
            None => break,
        }
    }
    let told = |action: &Value| {
        json!([
            action["number"],
            action["action"],
            action["epoch"],
            action["key"],
            action["by_key"]
        ])
    };
    let (operator, reader) = (operator.id().to_string(), reader.id().to_string());
    assert_eq!(
        seen.iter().map(told).collect::<Vec<_>>(),
        [
            json!([4, "seal_requested", 1, null, operator]),
            json!([3, "key_revoked", null, reader, null]),
            json!([2, "key_added", null, reader, null]),
            json!([1, "key_added", null, operator, null]),
        ]
    );
    assert!(
        seen.iter().all(|action| action["login"].as_str().is_some_and(|name| !name.is_empty()))
    );
    guarded.end().await;
}

/// Whoever restarts by health is answered while the database is away, whatever key they send with it; where a key
/// counts, none is taken then.
#[tokio::test]
async fn health_asks_nobody() {
    let mut guarded = Guarded::new("key_health", Access::Keys).await;
    let good = guarded.key(1, &["read"]).await;
    guarded.world.gate.close().await;
    for key in [good.expose(), "nf_guessed"] {
        assert_eq!(guarded.ask(Method::GET, "/v1/health", key).await.status, 200);
    }
    assert_eq!(guarded.ask(Method::GET, "/v1/rollups", good.expose()).await.status, 503);
    guarded.end().await;
}

/// Many guesses at once starve nobody: whoever has a good key is answered while they wait for each other, and
/// each of them is refused.
#[tokio::test]
async fn guesses_starve_no_good_key() {
    let guarded = Guarded::new("key_guesses", Access::Keys).await;
    let good = guarded.key(1, &["read"]).await;
    let url = guarded.world.url("/v1/rollups");
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..400_u16 {
        // Half of them name the good key.
        let [high, low] = number.to_be_bytes();
        let id = if number % 2 == 0 { [1; 8] } else { [0, 0, 0, 0, 0, 9, high, low] };
        let mut secret = [low; 32];
        secret[0] = high + 2;
        let guess = ApiKeySecret::from_random(id, secret);
        let request = guarded.world.client.get(&url).bearer_auth(guess.expose());
        guesses.spawn(async move { Answer::of(request.send().await.unwrap()).await.status });
    }
    for _ in 0..50 {
        let answer = guarded.ask(Method::GET, "/v1/rollups", good.expose()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let refused = guesses.join_all().await;
    assert!(refused.iter().all(|status| *status == 401), "{refused:?}");
    guarded.end().await;
}
