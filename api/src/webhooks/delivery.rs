//! One post to a webhook.
//!
//! **Invariant:** it goes to an address that was looked up and checked just before, over a connection of its own;
//! redirects are not followed; it is over when the time is, and of the answer nothing counts but the status.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, Request, header},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ledger::{Outcome, Webhook};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{WebhookSettings, reach::Target, signature::Secret};

/// What is posted.
pub(super) struct Message {
    /// The same for every attempt at the same event.
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) timestamp: i64,
    pub(super) body: Vec<u8>,
}

/// Posts a message to a webhook; what came of it.
pub(super) async fn post(
    settings: &WebhookSettings,
    webhook: &Webhook,
    secret: &Secret,
    message: &Message,
) -> Outcome {
    let Ok(target) = Target::read(&webhook.url, settings.reach) else { return Outcome::Forbidden };
    let posted = async {
        let connection = connect(settings, &target).await?;
        let request = request(&target, secret, message).ok_or(Outcome::Forbidden)?;
        if target.is_https {
            let name = ServerName::try_from(target.host.clone());
            let name = name.map_err(|_| Outcome::Untrusted)?;
            let connector = TlsConnector::from(Arc::clone(&settings.tls));
            let secured = connector.connect(name, connection).await;
            exchange(secured.map_err(|error| of_handshake(&error))?, request).await
        } else {
            exchange(connection, request).await
        }
    };
    match tokio::time::timeout(settings.timeout, posted).await {
        Ok(Ok(status)) => Outcome::of_status(status),
        Ok(Err(outcome)) => outcome,
        Err(_) => Outcome::TimedOut,
    }
}

/// Connects to the first of the host's addresses that may be reached and answers.
async fn connect(settings: &WebhookSettings, target: &Target) -> Result<TcpStream, Outcome> {
    let found = lookup_host((target.host.as_str(), target.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|_| Outcome::Unreachable)?.collect();
    let is_allowed = |address: &&SocketAddr| settings.reach.allows(address.ip(), target.is_https);
    let allowed: Vec<_> = found.iter().filter(is_allowed).copied().collect();
    if allowed.is_empty() && !found.is_empty() {
        return Err(Outcome::Forbidden);
    }
    TcpStream::connect(allowed.as_slice()).await.map_err(|_| Outcome::Unreachable)
}

fn request(target: &Target, secret: &Secret, message: &Message) -> Option<Request<Full<Bytes>>> {
    let signature = secret.sign(&message.id, message.timestamp, &message.body);
    Request::post(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::USER_AGENT, concat!("netfold/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(header::CONNECTION, HeaderValue::from_static("close"))
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", message.timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::copy_from_slice(&message.body)))
        .ok()
}

/// Sends the request and reads the status of its answer.
async fn exchange<C>(connection: C, request: Request<Full<Bytes>>) -> Result<u16, Outcome>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(connection);
    let (mut sender, driver) = http1::handshake(io).await.map_err(|_| Outcome::Unreachable)?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(|_| Outcome::Unreachable)?;
        let status = answer.status().as_u16();
        // Taken, within bounds, so that whoever sends it is not cut off; what it says does not matter, nor that it
        // never ends.
        let said = Limited::new(answer.into_body(), MOST_TAKEN).collect();
        let _taken = tokio::time::timeout(TAKING, said).await;
        Ok(status)
    };
    tokio::pin!(answered);
    tokio::select! {
        status = &mut answered => status,
        // The connection may end when the answer is there.
        _ended = driver => answered.await,
    }
}

/// A certificate that is not good is told apart from a connection that broke.
fn of_handshake(error: &io::Error) -> Outcome {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(tokio_rustls::rustls::Error::InvalidCertificate(_)) => Outcome::Untrusted,
        _ => Outcome::Unreachable,
    }
}

/// How long the rest of an answer is waited for.
const TAKING: Duration = Duration::from_secs(1);

/// Most bytes that are read of an answer.
const MOST_TAKEN: usize = 16 * 1024;
