//! Entity tags: who has an answer already is not sent it again.

use crate::filled::filled;
use crate::rollup::{Rollup, USDC, transfer};
use crate::world::{Answer, World};

/// What cannot change any more keeps its tag, and is answered 304 to whoever has it; refusals have none.
#[tokio::test]
async fn what_is_final_keeps_its_tag() {
    let world = filled("etag").await;
    for path in [
        "/v1/domain",
        "/v1/epochs/1",
        "/v1/epochs/1/proof",
        "/v1/epochs/1/books",
        "/v1/batches/1/1",
        "/v1/transfers/18-0",
        "/v1/exits/2/1/receipt",
    ] {
        let first = world.client.get(world.url(path)).send().await.unwrap();
        assert_eq!(first.status(), 200, "{path}");
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(
            (tag.len(), first.headers()["cache-control"].as_bytes()),
            (34, &b"no-cache"[..])
        );
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let again = ask(&world, path, &known).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}, {known}");
            assert_eq!(again.header("etag"), tag, "{path}");
            assert_eq!(again.header("content-type"), "", "{path}");
        }
        let other = world.client.get(world.url(path)).header("if-none-match", "\"other\"");
        assert_eq!(other.send().await.unwrap().status(), 200, "{path}");
    }
    let missing = ask(&world, "/v1/epochs/99", "*").await;
    assert_eq!((missing.status, missing.header("etag")), (404, ""));
    assert_eq!(ask(&world, "/v1/epochs/1/exit-kit", "*").await.header("etag"), "");
    world.end().await;
}

/// What has moved has another tag, and is sent.
#[tokio::test]
async fn what_moved_is_sent() {
    let world = World::new("etag_moved").await;
    let before = world.get("/v1/cells").await;
    let tag = before.header("etag").to_owned();
    assert_eq!(ask(&world, "/v1/cells", &tag).await.status, 304);
    world.booked(&mut Rollup::new(1), &[transfer(2, USDC, 5)], &[]).await;
    let after = ask(&world, "/v1/cells", &tag).await;
    assert_eq!(after.status, 200);
    assert_ne!((after.header("etag"), &after.text), (tag.as_str(), &before.text));
    world.end().await;
}

async fn ask(world: &World, path: &str, known: &str) -> Answer {
    let request = world.client.get(world.url(path)).header("if-none-match", known);
    Answer::of(request.send().await.unwrap()).await
}
