//! A running API over a ledger with three rollups, two assets and some deposits.

use std::{net::SocketAddr, time::Duration};

use alloy_primitives::{Address, B256, keccak256};
use api::{Access, BatchRequest, Settings, State};
use domain::{
    Asset, AssetId, BatchParts, DomainId, DomainIdentity, LiquidityState, RollupId, Word,
    l1::{L1Block, L1Event, L1Log, L1LogId},
};
use ledger::{Adoption, Ledger, Role};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    database::Database,
    gate::Gate,
    rollup::{ETH, Rollup, USDC, atoms},
};

/// A running API and what stands behind it.
pub(crate) struct World {
    pub(crate) database: Database,
    /// The api's way to the database.
    pub(crate) gate: Gate,
    pub(crate) engine: Ledger,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) identity: DomainIdentity,
    api: Ledger,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl World {
    /// A ledger that is bound, with deposits: 10 ETH and 5,000 USDC in each rollup. Nobody is asked for a key.
    pub(crate) async fn new(name: &str) -> Self {
        Self::bound(name, Settings { access: Access::Open, ..Settings::default() }).await
    }

    /// The same with other settings.
    pub(crate) async fn bound(name: &str, settings: Settings) -> Self {
        let world = Self::unbound(name, settings).await;
        world.engine.adopt_domain(&adoption(world.identity)).await.unwrap();
        let mut logs = vec![
            L1Event::AssetRegistered(Asset::new(ETH, Address::ZERO, 18, 18).unwrap()),
            L1Event::AssetRegistered(Asset::new(USDC, Address::repeat_byte(0xa0), 6, 6).unwrap()),
        ];
        for id in 1..=3 {
            let rollup = Rollup::new(id);
            logs.push(L1Event::RollupRegistered { rollup: rollup.id, key: rollup.key.public() });
        }
        for id in 1..=3 {
            logs.push(deposited(id, ETH, 10 * 10_u128.pow(18)));
            logs.push(deposited(id, USDC, 5_000 * 10_u128.pow(6)));
        }
        world.book(2, logs).await;
        world
    }

    /// A ledger with its schema and nothing in it.
    pub(crate) async fn unbound(name: &str, settings: Settings) -> Self {
        let database = Database::new(name).await;
        let engine = Ledger::connect(&database.url, Role::Engine, 4).await.unwrap();
        let gate = database.behind_a_gate();
        let api = Ledger::connect(&gate.url, Role::Api, 8).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let state = State::new(api.clone(), settings);
        let server = tokio::spawn(api::serve(listener, state, async move {
            stopped.await.unwrap_or(());
        }));
        let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let (stop, server) = (Some(stop), Some(server));
        Self { database, gate, engine, address, client, identity: identity(), api, stop, server }
    }

    /// Books events of one L1 block.
    pub(crate) async fn book(&self, number: u64, events: Vec<L1Event>) {
        let block = L1Block { number, hash: keccak256(number.to_be_bytes()) };
        let logs = (0_u64..).zip(events).map(|(log_index, event)| {
            let tx_hash = keccak256([number.to_be_bytes(), log_index.to_be_bytes()].concat());
            L1Log { id: L1LogId { tx_hash, log_index }, block, event }
        });
        let logs = logs.collect::<Vec<_>>();
        self.engine.record_l1_block_range(&logs, block).await.unwrap();
    }

    pub(crate) fn word(&self) -> Word {
        self.identity.word()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(self.url(path)).send().await.unwrap()).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> Answer {
        Answer::of(self.client.request(method, self.url(path)).send().await.unwrap()).await
    }

    /// Posts a body as it is.
    pub(crate) async fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self.client.post(self.url(path)).header("content-type", content_type);
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    pub(crate) async fn post_json(&self, body: &Value) -> Answer {
        self.post("/v1/batches", "application/json", body.to_string().into_bytes()).await
    }

    /// Posts a batch.
    pub(crate) async fn post_batch(&self, parts: &BatchParts) -> Answer {
        self.post_json(&wire(parts)).await
    }

    /// Posts the rollup's next batch, which must be booked.
    pub(crate) async fn booked(
        &self,
        rollup: &mut Rollup,
        transfers: &[domain::Transfer],
        exits: &[domain::Exit],
    ) -> Value {
        let parts = rollup.batch(self.word(), transfers, exits);
        let answer = self.post_batch(&parts).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        rollup.advance(&parts);
        answer.json()
    }

    /// Stops the server, which must end by itself.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let ended = tokio::time::timeout(Duration::from_secs(8), server).await;
            ended.expect("the server stops").unwrap().unwrap();
        }
    }

    pub(crate) async fn end(mut self) {
        self.stop().await;
        self.engine.close().await;
        self.api.close().await;
        self.database.remove().await;
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The problem that it is, which must have the form of every problem.
    pub(crate) fn problem(&self) -> Value {
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:netfold:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        let is_retryable = matches!(self.status, 429 | 503);
        assert_eq!(problem["retryable"], is_retryable, "{}", self.text);
        assert_eq!(self.headers.contains_key("retry-after"), is_retryable, "{}", self.text);
        problem
    }
}

/// The request that posts a batch, as JSON.
pub(crate) fn wire(parts: &BatchParts) -> Value {
    let assets = [
        Asset::new(ETH, Address::ZERO, 18, 18).unwrap(),
        Asset::new(USDC, Address::repeat_byte(0xa0), 6, 6).unwrap(),
    ];
    json!(BatchRequest::new(parts, &assets))
}

pub(crate) fn deposited(rollup: u16, asset: AssetId, amount: u128) -> L1Event {
    let depositor = Address::repeat_byte(0xdd);
    L1Event::Deposited { rollup: RollupId::new(rollup), asset, depositor, atoms: atoms(amount) }
}

pub(crate) fn adoption(identity: DomainIdentity) -> Adoption {
    let genesis_digest = LiquidityState::genesis().digest();
    Adoption { identity, genesis_digest, deployed_at_block: 1 }
}

fn identity() -> DomainIdentity {
    DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(0x5e),
        domain_id: DomainId::new(1),
        verification_key_id: B256::repeat_byte(0x17),
    }
}
