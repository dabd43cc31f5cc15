//! How often callers may ask, of a real server.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use api::{Access, RateLimits, Rates, Settings};
use ledger::{ApiKeySecret, Ledger, Role};
use reqwest::Client;

use crate::world::{Answer, World};

/// One a second and two at once, for whoever has no key.
fn settings(trusted_proxies: &[&str]) -> Settings {
    let rate = RateLimits {
        addresses: Rates { reads: NonZeroU32::new(1), writes: NonZeroU32::new(1) },
        burst: Duration::from_secs(2),
        trusted_proxies: trusted_proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
        ..RateLimits::default()
    };
    Settings { access: Access::PublicRead, rate, ..Settings::default() }
}

async fn ask(world: &World, client: &Client, forwarded_for: Option<&str>) -> Answer {
    let request = client.get(world.url("/v1/rollups"));
    let request = match forwarded_for {
        Some(address) => request.header("x-forwarded-for", address),
        None => request,
    };
    Answer::of(request.send().await.unwrap()).await
}

/// Asks until it is too often, by what each request says of where it comes from. More than a few are never taken, as
/// long as they are of one caller.
async fn too_often(world: &World, forwarded_for: impl Fn(usize) -> Option<String>) -> Answer {
    for nth in 0..20 {
        let answer = ask(world, &world.client, forwarded_for(nth).as_deref()).await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("nothing was refused");
}

fn by_address(address: [u8; 4]) -> Client {
    Client::builder().local_address(IpAddr::from(address)).build().unwrap()
}

async fn key(world: &World, number: u8) -> ApiKeySecret {
    let owner = Ledger::connect(&world.database.url, Role::Owner, 1).await.unwrap();
    let secret = ApiKeySecret::from_random([number; 8], [number; 32]);
    owner.add_api_key(&secret, "test", &["read".parse().unwrap()].into()).await.unwrap();
    owner.close().await;
    secret
}

async fn with_key(world: &World, key: &str) -> Answer {
    let request = world.client.get(world.url("/v1/rollups")).bearer_auth(key);
    Answer::of(request.send().await.unwrap()).await
}

/// Who asks too often is told when to go on, and goes on then; another address, a key and whoever watches are answered
/// meanwhile; a header that anybody could write helps nobody.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_waits() {
    let world = World::bound("rate", settings(&[])).await;
    let good = key(&world, 1).await;
    let refused = too_often(&world, |_| None).await;
    let problem = refused.problem();
    assert_eq!((refused.status, &problem["code"]), (429, &"rate_limited".into()), "{problem}");
    assert_eq!(problem["limit_per_second"], 1);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("wait 1 s") && detail.contains("send an api key"), "{detail}");
    // Each from somewhere else, if that counted.
    let forged = too_often(&world, |nth| Some(format!("9.9.9.{nth}"))).await;
    assert_eq!(forged.status, 429);
    assert_eq!(ask(&world, &by_address([127, 0, 0, 2]), None).await.status, 200);
    for _ in 0..20 {
        assert_eq!(with_key(&world, good.expose()).await.status, 200);
        for path in ["/v1/health", "/v1/ready", "/metrics", "/assets/page.css"] {
            assert_eq!(world.get(path).await.status, 200, "{path}");
        }
    }
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(ask(&world, &world.client, None).await.status, 200);
    let metrics = world.get("/metrics").await.text;
    let counted = "netfold_rate_limited_requests_total{caller=\"address\",kind=\"read\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(counted)).unwrap();
    assert!(count.parse::<u64>().unwrap() >= 2, "{count}");
    // What is refused for want of a key counts, too.
    let post = || world.post("/v1/batches", "application/json", b"{}".to_vec());
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(post().await.status);
    }
    assert!(statuses[0] == 401 && statuses.contains(&429), "{statuses:?}");
    world.end().await;
}

/// Behind a proxy that the operator trusts each caller is who it says, whatever they wrote themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_tells_who_asks() {
    let world = World::bound("rate_proxy", settings(&["10.0.0.0/8", "127.0.0.1"])).await;
    let refused = too_often(&world, |_| Some("9.9.9.9".to_owned())).await;
    assert_eq!(refused.status, 429);
    assert_eq!(ask(&world, &world.client, Some("8.8.8.8")).await.status, 200);
    let forged = too_often(&world, |nth| Some(format!("7.7.7.{nth}, 9.9.9.9, 10.0.0.1"))).await;
    assert_eq!(forged.status, 429);
    // Whoever comes past the proxy is no proxy.
    let stranger = by_address([127, 0, 0, 3]);
    let mut statuses = Vec::new();
    for nth in 0..10 {
        let claimed = format!("6.6.6.{nth}");
        statuses.push(ask(&world, &stranger, Some(&claimed)).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    world.end().await;
}

/// Who tries keys is bounded by their address, before each is looked up; a key that is in use goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_bounded() {
    let world = World::bound("rate_guesses", settings(&[])).await;
    let good = key(&world, 1).await;
    assert_eq!(with_key(&world, good.expose()).await.status, 200);
    let mut statuses = Vec::new();
    for number in 2..12 {
        let guess = ApiKeySecret::from_random([number; 8], [number; 32]);
        statuses.push(with_key(&world, guess.expose()).await.status);
        assert_eq!(with_key(&world, good.expose()).await.status, 200);
    }
    assert!(statuses[0] == 401 && statuses.contains(&429), "{statuses:?}");
    let answer = with_key(&world, "nf_none").await;
    assert!(matches!(answer.status, 401 | 429), "{}", answer.text);
    world.end().await;
}
