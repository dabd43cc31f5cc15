//! Serving until asked to stop.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{State, router, webhooks};

/// Serves until `shutdown` is done, then lets the running requests and the webhooks' posts end, for as long as the
/// settings allow.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let drain_timeout = state.settings().drain_timeout;
    let (stopping, stopped) = oneshot::channel::<()>();
    let closing = state.clone();
    let shutdown = async move {
        shutdown.await;
        // Streams never end by themselves.
        closing.close();
        drop(stopping);
    };
    // A failure to set the option costs a delay, nothing else.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    // Who asks is told by the address that they ask from.
    let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(shutdown);
    let drained = async move {
        // An error means that the sender was dropped: the server was asked to stop.
        let _asked = stopped.await;
        tokio::time::sleep(drain_timeout).await;
    };
    let serving = async {
        let ended = server.await;
        // If it failed, nobody else has said so.
        state.close();
        ended
    };
    tokio::select! {
        (ended, ()) = async { tokio::join!(serving, webhooks::send(&state)) } => ended,
        () = drained => {
            tracing::warn!("requests or posts were still running when the time to drain them was over");
            Ok(())
        }
        () = ring(&state) => Ok(()),
    }
}

/// Wakes the event streams whenever the ledger has written events. While it cannot be heard, the
/// streams look by themselves.
async fn ring(state: &State) {
    loop {
        match state.ledger().listen().await {
            Ok(mut listener) => {
                while listener.changed().await.is_ok() {
                    state.ring();
                }
            }
            Err(error) => tracing::warn!(%error, "the ledger's events cannot be heard"),
        }
        tokio::time::sleep(RELISTEN).await;
    }
}

const RELISTEN: Duration = Duration::from_secs(1);
