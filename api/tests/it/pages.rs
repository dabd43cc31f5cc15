//! The page and what it loads.

use alloy_primitives::B256;
use api::Settings;
use domain::{EpochNumber, Word, l1::L1Block};
use ledger::{ApiKeySecret, Ledger, Role};

use crate::{
    browser::failing_webhook,
    rollup::{ETH, Rollup, USDC, exit, transfer},
    world::{Answer, World},
};

/// The page shows exact numbers in words and columns, loads nothing from elsewhere, and what it
/// loads is there.
#[tokio::test]
async fn the_page_shows_the_cluster() {
    let world = World::new("page").await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 1_234_567)], &[exit(ETH, 1)]).await;
    let page = world.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    for shown in [
        "Yes, to the last atom",
        "Nothing",
        "Rollup 3",
        "4,998<span class=\"point\">.</span>765433",
        "000000000000000001",
        "open for batches",
        "/batches/1/0",
    ] {
        assert!(page.text.contains(shown), "{shown} in\n{}", page.text);
    }
    for place in page.text.split("src=\"").skip(1).chain(page.text.split("href=\"").skip(1)) {
        let address = place.split('"').next().unwrap();
        // Without an address a link leads to its own page.
        let ours = address.is_empty() || address.starts_with('/') || address.starts_with('#');
        assert!(ours, "{address} is elsewhere");
        if address.starts_with("/assets/") {
            assert_eq!(world.get(address).await.status, 200, "{address}");
        }
    }
    world.end().await;
}

/// Once somebody else has settled an epoch otherwise, every way in says so: readiness, a posted batch,
/// and the page with the reason.
#[tokio::test]
async fn books_that_have_ended_say_why() {
    let world = World::new("ended").await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 1)], &[]).await;
    assert!(!world.get("/").await.text.contains("the books have ended"));
    let (tx_hash, block) = (B256::repeat_byte(7), L1Block { number: 9, hash: B256::ZERO });
    let settled = Word::from(5_u64);
    let epoch = EpochNumber::FIRST;
    world.engine.record_foreign_settlement(epoch, tx_hash, block, settled).await.unwrap();
    let next = one.batch(world.word(), &[transfer(2, USDC, 1)], &[]);
    for answer in [world.post_batch(&next).await, world.get("/v1/ready").await] {
        assert_eq!(answer.status, 409, "{}", answer.text);
        let problem = answer.problem();
        assert_eq!((&problem["code"], &problem["epoch"]), (&"settled_elsewhere".into(), &1.into()));
    }
    let page = world.get("/").await.text;
    let why = format!(
        "Epoch 1 was settled on L1 by somebody else, with another state, in l1_tx {tx_hash} of block 9."
    );
    for shown in ["the books have ended", &why, "claims go on, on L1"] {
        assert!(page.contains(shown), "{shown} in\n{page}");
    }
    world.end().await;
}

/// The search leads to the one thing that is meant; what is not there or not readable is a page with its
/// status for people, and a problem for programs.
#[tokio::test]
async fn whoever_asks_for_a_page_gets_one() {
    let world = World::new("search").await;
    let mut one = Rollup::new(1);
    world.booked(&mut one, &[transfer(2, USDC, 5)], &[exit(ETH, 1)]).await;
    for (text, title) in [
        ("1", "Epoch 1 · Netfold"),
        ("rollup+2", "Rollup 2 · Netfold"),
        ("batch+1/0", "Rollup 1, height 0 · Netfold"),
        ("exit+1/0", "Exit 0 of Rollup 1 · Netfold"),
        ("12-0", "Transfer 12-0 · Netfold"),
        ("cell:2:2", "Cell of Rollup 2, asset 2 · Netfold"),
        ("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "Exits · Netfold"),
    ] {
        let page = world.get(&format!("/search?q={text}")).await;
        assert_eq!(page.status, 200, "{text}");
        assert!(page.text.contains(&format!("<title>{title}</title>")), "{text}:\n{}", page.text);
    }
    for (path, status) in [
        ("/epochs/9", 404),
        ("/rollups/9", 404),
        ("/batches/1/9", 404),
        ("/transfers/99-0", 404),
        ("/exits/1/9", 404),
        ("/ledger/accounts/cell:9:9", 404),
        ("/ledger?epoch=9", 404),
        ("/ledger?epoch=1", 409),
        ("/epochs/01", 400),
        ("/rollups/70000", 400),
        ("/transfers/1", 400),
        ("/ledger/accounts/cell", 400),
        ("/epochs?cursor=00", 400),
        ("/?unknown=1", 400),
        ("/?a=1&a=2", 400),
    ] {
        let page = world.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.text.contains("Look for something else"), "{path}:\n{}", page.text);
    }
    let nowhere = world.client.get(world.url("/nowhere")).header("accept", "text/html");
    let nowhere = Answer::of(nowhere.send().await.unwrap()).await;
    assert_eq!((nowhere.status, nowhere.header("content-type")), (404, "text/html; charset=utf-8"));
    assert_eq!(world.get("/nowhere").await.problem()["code"], "route_not_found");
    world.end().await;
}

/// The documentation is served from our own binary and asks nobody else.
#[tokio::test]
async fn the_documentation_is_our_own() {
    let world = World::new("docs").await;
    let document = world.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let docs = world.get("/docs/").await;
    assert_eq!(docs.status, 200);
    assert!(!docs.text.contains("https://"), "{}", docs.text);
    let start = world.get("/docs/swagger-initializer.js").await;
    assert!(
        start.text.contains("/openapi.json") && start.text.contains("\"validatorUrl\": \"none\"")
    );
    assert_eq!(world.get("/docs/swagger-ui-bundle.js").await.status, 200);
    world.end().await;
}

/// A browser that has the style already is told so.
#[tokio::test]
async fn files_are_sent_once() {
    let world = World::unbound("files", Settings::default()).await;
    let first = world.get("/assets/page.css").await;
    assert!(first.header("content-type").starts_with("text/css"));
    let tag = first.header("etag").to_owned();
    let again = world.client.get(world.url("/assets/page.css")).header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status(), 304);
    world.end().await;
}

/// Whose webhooks there are is told to operators; everybody else sees that there are some, and whether they get through;
/// nobody sees more of an address than its host, which may be a secret.
#[tokio::test]
async fn hosts_of_webhooks_are_for_operators() {
    let world = World::bound("page_webhooks", Settings::default()).await;
    failing_webhook(&world).await;
    let owner = Ledger::connect(&world.database.url, Role::Owner, 1).await.unwrap();
    let key = ApiKeySecret::from_random([3; 8], [4; 32]);
    let scopes = ["operate".parse().unwrap()].into();
    owner.add_api_key(&key, "operator", &scopes).await.unwrap();
    owner.close().await;
    let page = world.get("/jobs").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("abababababababab") && page.text.contains("status 500"));
    assert!(!page.text.contains("example.org"), "{}", page.text);
    let request = world.client.get(world.url("/jobs")).bearer_auth(key.expose());
    let page = Answer::of(request.send().await.unwrap()).await;
    assert!(page.text.contains("hooks.example.org"), "{}", page.text);
    assert!(!page.text.contains("a-secret-path"), "{}", page.text);
    world.end().await;
}
