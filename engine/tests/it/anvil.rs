//! A real anvil on a port of its own, ended with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A running anvil.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
}

impl Anvil {
    /// A new chain.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(program())
            .args(["--port", "0", "--accounts", "10"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("Listening on ")?.1.trim().to_owned()))
            .unwrap();
        // Anvil says a line per request: unread, a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{address}") }
    }

    /// Mines empty blocks.
    pub(crate) async fn mine(&self, blocks: u64) {
        self.call("anvil_mine", json!([blocks])).await;
    }

    /// Replaces the newest blocks by as many empty ones.
    pub(crate) async fn reorg(&self, depth: u64) {
        self.call("anvil_reorg", json!([depth, []])).await;
    }

    /// Any request.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        engine_rpc(&self.url, method, params).await
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    contracts.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
}

async fn engine_rpc(url: &str, method: &str, params: Value) -> Value {
    use alloy::providers::{Provider, ProviderBuilder};
    let provider = ProviderBuilder::new().connect_http(url.parse().unwrap());
    let params = serde_json::value::to_raw_value(&params).unwrap();
    provider.raw_request_dyn(method.to_owned().into(), &params).await.map_or_else(
        |error| json!({ "error": error.to_string() }),
        |answer| serde_json::from_str(answer.get()).unwrap(),
    )
}

/// The private keys that every anvil hands its Ether to.
pub(crate) const KEYS: [&str; 4] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];
