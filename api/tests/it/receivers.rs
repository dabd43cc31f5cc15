//! Webhooks' receivers that speak TLS, and those that answer without end.
//!
//! The certificates of `tls` are the tests' own: their authority's key is kept nowhere, and `localhost.key` opens
//! nothing but `localhost`.

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use api::{Reach, WebhookMaster, WebhookSettings};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    webhooks::{Receiver, added, settings, until_state},
    world::World,
};

/// Takes connections and does the same with each, until it is dropped.
struct Raw {
    port: u16,
    server: JoinHandle<()>,
}

impl Raw {
    async fn new<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                // It may end as it likes: what it was told is what the test looks at.
                tokio::spawn(answer(connection));
            }
        });
        Self { port, server }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Reads a request, answers with the beginning, and then with the rest for ever.
async fn without_end<C>(mut connection: C, begin: &str, rest: &[u8]) -> std::io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    take_request(&mut connection).await?;
    connection.write_all(begin.as_bytes()).await?;
    loop {
        connection.write_all(rest).await?;
    }
}

/// Reads a request to its end: a connection that is closed before would break off the answer.
async fn take_request<C: AsyncRead + Unpin>(connection: &mut C) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    connection.read_exact(&mut body).await?;
    Ok(())
}

/// How a receiver speaks TLS, with a certificate of an authority that no machine knows.
fn acceptor() -> TlsAcceptor {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls");
    let chain = vec![CertificateDer::from_pem_file(folder.join("localhost.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("localhost.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn secured() -> Raw {
    let acceptor = acceptor();
    Raw::new(move |connection| {
        let acceptor = acceptor.clone();
        async move {
            let mut connection = acceptor.accept(connection).await?;
            take_request(&mut connection).await?;
            connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            connection.shutdown().await
        }
    })
    .await
}

/// A receiver with an authority of its own is told by https once that is named, at the name that its certificate is
/// for and no other; without it nothing is said to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_has_its_own_authority() {
    let receiver = secured().await;
    let (url, other) = (
        format!("https://localhost:{}/hook", receiver.port),
        format!("https://127.0.0.1:{}/hook", receiver.port),
    );
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls/ca.pem");
    let master = WebhookMaster::new(&"in test ".repeat(5)).unwrap();
    let mut trusting = WebhookSettings::new(master, Reach::Loopback, Some(&authority)).unwrap();
    let plain = settings(Reach::Loopback);
    let mut named = plain.clone();
    if let Some(webhooks) = &plain.webhooks {
        trusting.first_wait = webhooks.first_wait;
        trusting.longest_wait = webhooks.longest_wait;
        trusting.most_failures = webhooks.most_failures;
        named.webhooks = Some(trusting);
    }
    for (name, settings, url, outcome) in [
        ("webhook_tls", named.clone(), &url, "delivered"),
        ("webhook_tls_name", named, &other, "untrusted"),
        ("webhook_tls_unknown", plain, &url, "untrusted"),
    ] {
        let world = World::bound(name, settings).await;
        let webhook = added(&world, &json!({"url": url, "after": 0})).await;
        let state = if outcome == "delivered" { "delivering" } else { "given_up" };
        let read = loop {
            let read = until_state(&world, &webhook, state).await;
            if read["last_delivery"]["number"].as_u64() >= Some(2) {
                break read;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(read["last_delivery"]["outcome"], outcome, "{read}");
        assert_eq!(read["position"].as_u64() > Some(0), outcome == "delivered", "{read}");
        world.end().await;
    }
}

/// What a receiver says without end is not waited for, and not kept: after a good status the next event is told, a head
/// that does not end is a failure, and others are told meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn answers_without_end_hold_nobody() {
    let world = World::bound("webhook_endless", settings(Reach::Loopback)).await;
    let body = Raw::new(|connection| {
        let chunk = [b"400\r\n".as_slice(), &[b'x'; 0x400], b"\r\n"].concat();
        async move {
            let begin = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            without_end(connection, begin, &chunk).await
        }
    })
    .await;
    let head = Raw::new(|connection| {
        without_end(connection, "HTTP/1.1 200 OK\r\n", b"x-more: and more and more of it\r\n")
    })
    .await;
    let line = Raw::new(|connection| without_end(connection, "HTTP/1.1 200 ", &[b'x'; 1024])).await;
    let url = |raw: &Raw| format!("http://127.0.0.1:{}/hook", raw.port);
    let mut webhooks = Vec::new();
    for raw in [&body, &head, &line] {
        webhooks.push(added(&world, &json!({"url": url(raw), "after": 0})).await);
    }
    let other = Receiver::new(&[]).await;
    added(&world, &json!({"url": other.url, "after": 0})).await;
    let last = world.engine.last_event().await.unwrap().number();
    other.until(usize::try_from(last).unwrap()).await;
    let told = async {
        loop {
            let read = until_state(&world, &webhooks[0], "delivering").await;
            if read["position"].as_u64() >= Some(3) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    for webhook in &webhooks[1..] {
        let read = until_state(&world, webhook, "given_up").await;
        let outcome = read["last_delivery"]["outcome"].as_str().unwrap();
        assert!(matches!(outcome, "unreachable" | "timed_out"), "{read}");
    }
    world.end().await;
}
