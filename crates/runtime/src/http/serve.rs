//! The listeners: HTTP/1.1 and HTTP/2, with limits against slow or greedy clients. The edge's is plain TCP (TLS ends in front of
//! it), the one between roles speaks TLS where that is configured.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Time a client has for its headers, and before them for the TLS handshake.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of request line and headers. The edge refuses far shorter ones; past this, hyper does, without a body.
const HEADER_LIMIT_BYTES: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;
/// The same for a peer, whose one connection carries the requests of many clients.
const MAX_PEER_STREAMS: u32 = 4096;
/// A peer that answers no ping for so long is gone, and what it asked for is given up.
const PEER_SILENCE: Duration = Duration::from_secs(20);

/// Serves `router` to the world on `listener` until `stop`; then finishes what runs, for `grace` at the most.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, grace: Duration) {
    let mut builder = builder();
    builder.http2().max_concurrent_streams(MAX_STREAMS);
    accept(listener, Doors { builder, tls: None, router }, stop, grace).await;
}

/// Serves `router` to the other roles as [`serve`] does to the world, over TLS alone if `tls` is given.
pub async fn serve_peers(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    stop: CancellationToken,
    grace: Duration,
) {
    let mut builder = builder();
    builder
        .http2()
        .max_concurrent_streams(MAX_PEER_STREAMS)
        // Calls that ran out of time are reset, under load many at once: no attack, between peers.
        .max_pending_accept_reset_streams(MAX_PEER_STREAMS as usize)
        .keep_alive_interval(PEER_SILENCE)
        .keep_alive_timeout(PEER_SILENCE);
    accept(listener, Doors { builder, tls: tls.map(TlsAcceptor::from), router }, stop, grace).await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADER_LIMIT_BYTES);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(32 * 1024);
    builder
}

/// What is behind a listener.
struct Doors {
    builder: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    router: Router,
}

async fn accept(listener: TcpListener, doors: Doors, stop: CancellationToken, grace: Duration) {
    let doors = Arc::new(doors);
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: give the others time to close.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        tokio::spawn(Arc::clone(&doors).welcome(stream, peer, graceful.watcher()));
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running when the time to stop was over");
    }
}

impl Doors {
    /// Serves one connection to its end.
    async fn welcome(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let Some(tls) = &self.tls else { return self.converse(stream, peer, watcher).await };
        match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, peer, watcher).await,
            Ok(Err(error)) => tracing::warn!(%error, %peer, "a TLS handshake failed"),
            Err(_) => tracing::warn!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        watcher: Watcher,
    ) {
        let service = hyper_util::service::TowerToHyperService::new(with_peer(self.router.clone(), peer));
        let connection = self.builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error, "a connection ended early");
        }
    }
}

/// The router as a service that knows the client's address.
fn with_peer(
    router: Router,
    peer: SocketAddr,
) -> impl tower::Service<
    http::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future: Send,
> + Clone {
    router.map_request(move |request: http::Request<hyper::body::Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    })
}
