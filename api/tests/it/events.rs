//! The event stream.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::{
    rollup::{Rollup, USDC, transfer},
    world::World,
};

/// An event as a reader gets it.
#[derive(Debug, PartialEq)]
struct Received {
    id: u64,
    event: String,
    data: Value,
}

/// A reader that comes back with its last id misses nothing and sees nothing twice; one that comes
/// without gets what happens from then on; and the server can stop while readers are there.
#[tokio::test]
async fn readers_go_on_where_they_were() {
    let mut world = World::new("events").await;
    let mut one = Rollup::new(1);
    let mut live = follow(&world, "/v1/events", None).await;
    world.booked(&mut one, &[transfer(2, USDC, 1)], &[]).await;
    let first = receive(&mut live, 1).await.remove(0);
    assert_eq!(first.event, "batch_posted");
    assert_eq!((&first.data["rollup"], &first.data["height"]), (&1.into(), &0.into()));
    assert_eq!(first.data["number"], first.id);
    drop(live);

    for amount in 2..=4 {
        world.booked(&mut one, &[transfer(2, USDC, amount)], &[]).await;
    }
    let mut resumed = follow(&world, "/v1/events", Some(first.id)).await;
    let missed = receive(&mut resumed, 3).await;
    let heights = missed.iter().map(|event| event.data["height"].as_u64().unwrap());
    assert_eq!(heights.collect::<Vec<_>>(), [1, 2, 3]);
    world.booked(&mut one, &[transfer(2, USDC, 5)], &[]).await;
    assert_eq!(receive(&mut resumed, 1).await[0].data["height"], 4);

    let mut all = follow(&world, "/v1/events?after=0", None).await;
    let last = world.engine.last_event().await.unwrap().number();
    let whole = receive(&mut all, usize::try_from(last).unwrap()).await;
    assert!(whole.iter().map(|event| event.id).eq(1..=last), "numbered without gaps");

    let refused = world.client.get(world.url("/v1/events")).header("last-event-id", "x");
    assert_eq!(refused.send().await.unwrap().status(), 400);
    world.stop().await;
    assert_eq!(resumed.chunk().await.unwrap_or(None), None, "the stream ends with the server");
    world.end().await;
}

async fn follow(world: &World, path: &str, last: Option<u64>) -> Response {
    let mut request = world.client.get(world.url(path));
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response
}

/// Reads as many events, which have to come soon.
async fn receive(stream: &mut Response, count: usize) -> Vec<Received> {
    let mut text = String::new();
    let reading = async {
        while text.matches("\n\n").count() < count {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("events come soon");
    let events = text.split("\n\n").filter(|event| !event.is_empty()).map(|event| {
        let field = |name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {event}")).trim().to_owned()
        };
        Received {
            id: field("id:").parse().unwrap(),
            event: field("event:"),
            data: serde_json::from_str(&field("data:")).unwrap(),
        }
    });
    events.collect()
}
