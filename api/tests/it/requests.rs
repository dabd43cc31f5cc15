//! What holds for every request: parameters, paths, ids, and a database that is away.

use std::time::Duration;

use api::{Access, Settings};
use reqwest::Method;
use serde_json::json;

use crate::world::World;

/// Parameters outside their form are refused by name; unknown ones too.
#[tokio::test]
async fn bad_parameters_are_refused_by_name() {
    let world = World::new("parameters").await;
    for (path, status, code, param, value) in [
        ("/v1/batches?limit=0", 400, "invalid_parameter", "limit", "0"),
        ("/v1/batches?limit=1001", 400, "invalid_parameter", "limit", "1001"),
        ("/v1/batches?limit=ten", 400, "invalid_parameter", "limit", "ten"),
        ("/v1/batches?rollup=-1", 400, "invalid_parameter", "rollup", "-1"),
        ("/v1/batches?rollup=70000", 400, "invalid_parameter", "rollup", "70000"),
        ("/v1/batches?rolup=1", 400, "unknown_parameter", "rolup", "1"),
        ("/v1/cells?limit=5", 400, "unknown_parameter", "limit", "5"),
        ("/v1/domain?x", 400, "unknown_parameter", "x", ""),
        ("/v1/batches?cursor=abc", 400, "invalid_cursor", "cursor", "abc"),
        ("/v1/batches?cursor=", 400, "invalid_cursor", "cursor", ""),
        ("/v1/exits?recipient=0x12", 400, "invalid_parameter", "recipient", "0x12"),
        ("/v1/transfers?account=cell", 400, "invalid_parameter", "account", "cell"),
        ("/v1/transfers?rollup=1", 400, "invalid_parameter", "height", ""),
        ("/v1/batches/1/00", 400, "invalid_parameter", "height", "00"),
        ("/v1/batches/x/0", 400, "invalid_parameter", "rollup", "x"),
        (
            "/v1/epochs/99999999999999999999",
            400,
            "invalid_parameter",
            "epoch",
            "99999999999999999999",
        ),
        ("/v1/transfers/17", 400, "invalid_parameter", "id", "17"),
        ("/v1/events?after=x", 400, "invalid_parameter", "after", "x"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        let problem = answer.problem();
        assert_eq!(problem["code"], code, "{path}");
        assert_eq!(problem["param"], param, "{path}");
        assert_eq!(problem["value"], value, "{path}");
    }
    let twice = world.get("/v1/batches?limit=1&limit=2").await.problem();
    assert_eq!((&twice["code"], &twice["param"]), (&json!("duplicate_parameter"), &json!("limit")));
    world.end().await;
}

/// What is not there says so, each in its own way.
#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new("missing").await;
    for (path, code) in [
        ("/v1/rollups/4", "rollup_not_found"),
        ("/v1/rollups/0", "rollup_not_found"),
        ("/v1/rollups/65535", "rollup_not_found"),
        ("/v1/batches/1/0", "batch_not_found"),
        ("/v1/batches/1/18446744073709551615", "batch_not_found"),
        ("/v1/exits/1/0", "exit_not_found"),
        ("/v1/exits/1/4294967295", "exit_not_found"),
        ("/v1/epochs/2", "epoch_not_found"),
        ("/v1/epochs/0", "epoch_not_found"),
        ("/v1/epochs/18446744073709551615", "epoch_not_found"),
        ("/v1/epochs/1/proof", "proof_not_ready"),
        ("/v1/transfers/9999-0", "transfer_not_found"),
        ("/v1/transfers/18446744073709551615-4294967295", "transfer_not_found"),
        ("/v1/nothing", "route_not_found"),
        ("/nothing", "route_not_found"),
        ("/assets/nothing", "route_not_found"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert_eq!(answer.problem()["code"], code, "{path}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/batches", "POST"),
        (Method::GET, "/v1/epochs/seal", "POST"),
        (Method::POST, "/v1/rollups", "GET"),
        (Method::POST, "/", "GET"),
    ] {
        let answer = world.send(method, path).await;
        assert_eq!(answer.status, 405, "{path}: {}", answer.text);
        assert_eq!(answer.problem()["code"], "method_not_allowed");
        assert!(answer.header("allow").contains(allow), "{path}: {}", answer.header("allow"));
    }
    world.end().await;
}

/// A plain request id is kept, anything else replaced; every answer carries one.
#[tokio::test]
async fn request_ids_are_kept_when_plain() {
    let world = World::new("ids").await;
    let ask = async |id: &str| {
        let request = world.client.get(world.url("/v1/health")).header("x-request-id", id);
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask("order-17.a_b").await, "order-17.a_b");
    let long = "x".repeat(65);
    for id in ["a b", "<b>", long.as_str(), ""] {
        let given = ask(id).await;
        assert!(given != id && given.len() == 36, "{id} became {given}");
    }
    world.end().await;
}

/// Health asks nobody; readiness and everything else say that the ledger is unbound or away, and
/// that it is worth trying again.
#[tokio::test]
async fn an_unbound_or_absent_ledger_is_said() {
    let request_timeout = Duration::from_secs(20);
    let settings = Settings { access: Access::Open, request_timeout, ..Settings::default() };
    let mut world = World::unbound("away", settings).await;
    assert_eq!(world.get("/v1/health").await.json()["status"], "live");
    for path in ["/v1/ready", "/v1/domain", "/v1/cells"] {
        assert_eq!(world.get(path).await.problem()["code"], "domain_not_adopted", "{path}");
    }
    let sealing = world.send(Method::POST, "/v1/epochs/seal").await;
    assert_eq!(sealing.problem()["code"], "domain_not_adopted");
    let page = world.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("not bound to an L1 contract yet"));

    world.engine.adopt_domain(&crate::world::adoption(world.identity)).await.unwrap();
    assert_eq!(world.get("/v1/ready").await.json()["open_epoch"], 1);
    assert_eq!(world.get("/v1/domain").await.json()["domain_word"], world.word().to_string());
    assert!(world.get("/").await.text.contains("No rollup is registered yet"));

    world.gate.close().await;
    assert_eq!(world.get("/v1/health").await.status, 200);
    for path in ["/v1/ready", "/v1/batches"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        assert_eq!(answer.problem()["code"], "database_unavailable", "{path}");
        assert_eq!(answer.header("retry-after"), "1");
        assert!(!answer.text.contains("sock"), "nothing internal leaves: {}", answer.text);
    }
    let page = world.get("/").await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("The ledger cannot be read"));
    world.end().await;
}

/// Event streams are bounded, and what is over the bound is refused at once.
#[tokio::test]
async fn streams_are_bounded() {
    let settings = Settings { max_streams: 1, ..Settings::default() };
    let world = World::unbound("streams", settings).await;
    let open = world.client.get(world.url("/v1/events")).send().await.unwrap();
    assert_eq!(open.status(), 200);
    let refused = world.get("/v1/events").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.problem()["code"], "overloaded");
    drop(open);
    world.end().await;
}
