//! An L1 node of the test's own, with whatever chain id the test wants.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The private key of an account that every such node gives Ether to.
pub(crate) const FUNDED: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";

/// A running anvil with a new chain.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
}

impl Node {
    /// Starts it and waits until it listens.
    pub(crate) fn start(chain_id: u64, folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let log = File::create(folder.join(format!("anvil-{chain_id}.log"))).unwrap();
        let mut child = Command::new(program())
            .args(["--quiet", "--chain-id", &chain_id.to_string()])
            .args(["--port", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "anvil ended: {ended:?}");
            assert!(began.elapsed() < Duration::from_mins(1), "anvil does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, url: format!("http://{address}") }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/node_modules");
    packages.join(format!("@foundry-rs/anvil-linux-{architecture}/bin/anvil"))
}
