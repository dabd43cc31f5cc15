//! The development L1: anvil, with its chain kept in a file.
//!
//! **Invariant**: it listens on the loopback address alone, with chain id 31337, writes its chain
//! to the state file every few seconds and when it ends, and ends with this process.
//!
//! It sends no requests: whether the chain behind the address is the right one is the engine's to
//! ask. A real L1 (`L1_RPC_URL`) never comes here.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::guarded::Guarded;

/// What the development L1 needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the chain within the state folder; created when it is missing.
    pub folder: PathBuf,
    /// The program, when it is not to be searched for.
    pub program: Option<PathBuf>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// A running anvil, stopped when dropped.
#[derive(Debug)]
pub struct Anvil {
    node: Guarded,
    address: SocketAddr,
}

/// Why no development L1 is running.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No program was found.
    #[error(
        "no anvil was found: run `npm ci --ignore-scripts` in contracts/, name it with --anvil-bin, or \
         set L1_RPC_URL to a running L1 node"
    )]
    NoProgram,
    /// Somebody else listens there.
    #[error(
        "port {port} is taken: end what listens there, or choose another --l1-port (0 takes a free one)"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// It ended by itself.
    #[error("anvil ended ({status}) saying {said:?}: see {log}; its chain is in {chain}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its last words.
        said: String,
        /// The log.
        log: PathBuf,
        /// The chain's file.
        chain: PathBuf,
    },
    /// It runs and does not listen.
    #[error("anvil did not listen on {address} within {seconds} s: see {log}")]
    NotListening {
        /// Where.
        address: SocketAddr,
        /// How long was waited.
        seconds: u64,
        /// The log.
        log: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Anvil {
    /// Starts the node on the chain in its folder, or on a new one, and returns once it listens.
    ///
    /// # Errors
    /// A [`Refusal`], whose sentence says what to do.
    pub fn start(settings: &Settings) -> Result<Self, Refusal> {
        let program = find(settings.program.as_deref())?;
        let folder = &settings.folder;
        std::fs::create_dir_all(folder).map_err(refuse("create", folder))?;
        let folder = folder.canonicalize().map_err(refuse("find", folder))?;
        let log = folder.join("log");
        let file = File::create(&log).map_err(refuse("create", &log))?;
        let chain = folder.join("chain.json");
        let address = free_address(settings.port)?;
        let port = address.port().to_string();
        let mut arguments: Vec<&std::ffi::OsStr> = Vec::new();
        // Quiet: it would log every request for ever. Hence no word of its own that it listens.
        let fixed = ["--quiet", "--chain-id", CHAIN_ID, "--host", "127.0.0.1", "--port", &port];
        arguments.extend(fixed.map(std::ffi::OsStr::new));
        arguments.extend(["--state-interval", "2", "--state"].map(std::ffi::OsStr::new));
        arguments.push(chain.as_os_str());
        let mut node = Guarded::spawn(&program, arguments, None, &file, STOP_PATIENCE)
            .map_err(refuse("start", &program))?;
        await_listening(&mut node, address, &log, &chain)?;
        Ok(Self { node, address })
    }

    /// The JSON-RPC address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The node's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.node.id()
    }

    /// How the node ended, if it did.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.node.ended()
    }

    /// Has the node write its chain and end.
    ///
    /// # Errors
    /// When the operating system cannot tell how it ended.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.node.stop()
    }
}

/// The named program, or the one that `npm ci` unpacked beside the contracts, or the one in `PATH`.
fn find(named: Option<&Path>) -> Result<PathBuf, Refusal> {
    if let Some(program) = named {
        return program.is_file().then(|| program.to_path_buf()).ok_or(Refusal::NoProgram);
    }
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    let packaged =
        format!("contracts/node_modules/@foundry-rs/anvil-linux-{architecture}/bin/anvil");
    let here = std::env::current_dir().ok();
    let executable = std::env::current_exe().ok();
    let trees = here.iter().chain(&executable).flat_map(|path| path.ancestors());
    let path = std::env::var_os("PATH").unwrap_or_default();
    trees
        .map(|tree| tree.join(&packaged))
        .chain(std::env::split_paths(&path).map(|folder| folder.join("anvil")))
        .find(|program| program.is_file())
        .ok_or(Refusal::NoProgram)
}

/// Asks the kernel for the port first: a taken one has a sentence of its own, and a free one for
/// port 0 is known before the node, being quiet, could tell it.
fn free_address(port: u16) -> Result<SocketAddr, Refusal> {
    let taken = |_| Refusal::PortTaken { port };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(taken)?;
    listener.local_addr().map_err(taken)
}

fn await_listening(
    node: &mut Guarded,
    address: SocketAddr,
    log: &Path,
    chain: &Path,
) -> Result<(), Refusal> {
    let began = Instant::now();
    while began.elapsed() < START_PATIENCE {
        if let Some(status) = node.ended().map_err(refuse("watch the node of", chain))? {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let last = text.lines().rev().find(|line| !line.trim().is_empty());
            return Err(Refusal::Ended {
                status,
                said: last.unwrap_or("nothing").trim().to_owned(),
                log: log.to_path_buf(),
                chain: chain.to_path_buf(),
            });
        }
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let seconds = START_PATIENCE.as_secs();
    Err(Refusal::NotListening { address, seconds, log: log.to_path_buf() })
}

fn refuse(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Refusal + use<> {
    let path = path.to_path_buf();
    move |source| Refusal::Io { action, path, source }
}

/// Anvil's own, and one that a verifier with an insecure key accepts.
const CHAIN_ID: &str = "31337";
/// A long chain takes a while to load.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// And to write.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn settings(folder: &Path) -> Settings {
        Settings { folder: folder.to_path_buf(), program: None, port: 0 }
    }

    fn call(anvil: &Anvil, method: &str, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let mut stream = TcpStream::connect(anvil.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: l1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The chain outlives its node: what was mined is there after a restart, with the same hash.
    #[test]
    fn the_chain_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let anvil = Anvil::start(&settings(folder.path())).unwrap();
        assert!(call(&anvil, "eth_chainId", "[]").contains("0x7a69"));
        call(&anvil, "evm_mine", "[]");
        let block = |anvil: &Anvil| {
            let answer = call(anvil, "eth_getBlockByNumber", r#"["0x1",false]"#);
            let from = answer.find(r#""hash":""#).unwrap();
            answer.get(from..from.checked_add(74).unwrap()).unwrap().to_owned()
        };
        let before = block(&anvil);
        assert!(anvil.stop().unwrap().success());
        let anvil = Anvil::start(&settings(folder.path())).unwrap();
        assert_eq!(block(&anvil), before);
        anvil.stop().unwrap();
    }

    /// A taken port is named, with the way out.
    #[test]
    fn taken_port() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let refusal = Anvil::start(&Settings { port, ..settings(folder.path()) }).unwrap_err();
        assert!(refusal.to_string().starts_with(&format!("port {port} is taken")), "{refusal}");
    }

    /// A named program that is not there is not replaced by a search.
    #[test]
    fn missing_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = Some(folder.path().join("anvil"));
        let refusal = Anvil::start(&Settings { program, ..settings(folder.path()) }).unwrap_err();
        assert!(matches!(refusal, Refusal::NoProgram));
    }

    /// A chain file that is none ends in anvil's own words and the file's name.
    #[test]
    fn damaged_chain() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("chain.json"), "{").unwrap();
        let refusal = Anvil::start(&settings(folder.path())).unwrap_err();
        assert!(matches!(refusal, Refusal::Ended { .. }), "{refusal}");
        assert!(refusal.to_string().contains("chain.json"), "{refusal}");
    }
}
