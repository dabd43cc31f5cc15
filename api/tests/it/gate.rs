//! A way to the tests' Postgres that can be closed: to its clients a closed one looks like a server
//! that was stopped, while the server goes on for the other tests.

use std::path::{Path, PathBuf};

use reqwest::Url;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

/// An open way. Dropping it leaves nothing behind.
pub(crate) struct Gate {
    /// The database's address by this way.
    pub(crate) url: String,
    keeper: JoinHandle<()>,
    folder: tempfile::TempDir,
}

#[derive(Clone)]
enum Server {
    Socket(PathBuf),
    Address(String),
}

impl Gate {
    pub(crate) fn open(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let mut by_gate = Url::parse(url).unwrap();
        let server = Server::of(&by_gate);
        let kept: Vec<(String, String)> = by_gate
            .query_pairs()
            .filter(|(name, _)| name != "host")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        by_gate.set_port(None).unwrap();
        let host = folder.path().to_str().unwrap();
        by_gate.query_pairs_mut().clear().extend_pairs(kept).append_pair("host", host);
        let keeper = tokio::spawn(async move {
            // The ways through end with their keeper.
            let mut through = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let server = server.clone();
                through.spawn(async move { server.serve(&mut client).await });
            }
        });
        Self { url: by_gate.into(), keeper, folder }
    }

    /// Cuts off who is connected, and lets nobody in any more.
    pub(crate) async fn close(&mut self) {
        self.keeper.abort();
        let ended = (&mut self.keeper).await;
        assert!(ended.unwrap_err().is_cancelled());
        // As Postgres does with its socket when it ends.
        std::fs::remove_file(self.folder.path().join(SOCKET)).unwrap();
    }
}

impl Server {
    fn of(url: &Url) -> Self {
        let port = url.port().unwrap_or(5432);
        let named = url.query_pairs().find(|(name, _)| name == "host");
        match named.map(|(_, host)| host.into_owned()).or(url.host_str().map(str::to_owned)) {
            Some(host) if host.starts_with('/') => {
                Self::Socket(Path::new(&host).join(format!(".s.PGSQL.{port}")))
            }
            host => Self::Address(format!("{}:{port}", host.as_deref().unwrap_or("localhost"))),
        }
    }

    async fn serve(&self, client: &mut UnixStream) {
        // Either side may end the connection, at any time.
        let _ended = match self {
            Self::Socket(path) => {
                copy_bidirectional(client, &mut UnixStream::connect(path).await.unwrap()).await
            }
            Self::Address(address) => {
                copy_bidirectional(client, &mut TcpStream::connect(address).await.unwrap()).await
            }
        };
    }
}

const SOCKET: &str = ".s.PGSQL.5432";
