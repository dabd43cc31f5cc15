//! The api that is measured: a process of its own, of this very program.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::guarded::Guarded;

/// A running api; it ends with this process, however that ends.
#[derive(Debug)]
pub(super) struct Server {
    child: Guarded,
    pub(super) url: String,
}

impl Server {
    /// Starts it and waits until it listens. It asks for no keys, which costs a look into memory, and bounds nobody's
    /// rate: what it can do is looked for.
    pub(super) async fn start(database_url: &str, log: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("could not find this program")?;
        let arguments = ["api", "--listen", "127.0.0.1:0", "--access", "open"];
        let unbounded = ["--rate-key-reads", "0", "--rate-key-writes", "0"];
        let arguments = arguments.into_iter().chain(unbounded);
        let arguments = arguments.chain(["--database-url", database_url]);
        let file =
            File::create(log).with_context(|| format!("could not write {}", log.display()))?;
        let child = Guarded::spawn(&program, arguments.map(OsStr::new), None, &file, PATIENCE)?;
        let mut server = Self { child, url: String::new() };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            if let Some(status) = server.child.ended()? {
                bail!("the api ended with {status}: {said}");
            }
            if let Some(url) = listening(&said) {
                url.clone_into(&mut server.url);
                return Ok(server);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("the api does not say that it listens: see {}", log.display())
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it end what it is at.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.child.stop()?;
        Ok(())
    }
}

/// Where it says that it listens, once the line is whole.
fn listening(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("The page is at ")?;
    let (url, _) = rest.split_once('\n')?;
    Some(url.trim())
}

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
