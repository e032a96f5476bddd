//! Connections to one instance: HTTP/2, a few at the most, made when they are needed.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use metrics::Gauge;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Requests on a connection from which on another one is made: one connection is one task, on one core.
const BUSY: usize = 64;
/// How much of an answer is taken in before the client has taken it.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all answers on a connection: some slow clients must not stop the others.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// How much of an upload is held for an instance that is slow to take it.
const SEND_BUFFER: usize = 256 * 1024;
/// With requests on it, a connection is asked for a sign of life so often, and given up after the time below.
const PING_EVERY: Duration = Duration::from_secs(1);
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// What a connection carries. An upload or download fills windows that small answers would wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Small requests and answers.
    Usual,
    /// Uploads and downloads.
    Bulk,
}

/// Where the connections go.
pub struct Target {
    /// The instance's address.
    pub socket: SocketAddr,
    /// Set where TLS is spoken: what is trusted, and whose name the certificate must bear.
    pub tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// The connections to one instance.
pub struct Pool {
    target: Target,
    http: http2::Builder<TokioExecutor>,
    timeout: Duration,
    max: usize,
    usual: Connections,
    bulk: Connections,
    gauge: Gauge,
}

#[derive(Default)]
struct Connections {
    open: Mutex<Vec<Arc<Connection>>>,
    /// Held while one is made, with when and why it last failed: who waited meanwhile has failed too.
    making: tokio::sync::Mutex<Option<(Instant, String)>>,
}

struct Connection {
    sender: http2::SendRequest<Body>,
    streams: AtomicUsize,
}

/// A place for one request on a connection, until it is dropped.
pub struct Stream(Arc<Connection>);

impl Pool {
    /// No connections yet.
    pub fn new(target: Target, timeout: Duration, max: usize, gauge: Gauge) -> Self {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE);
        let (usual, bulk) = (Connections::default(), Connections::default());
        Self { target, http, timeout, max: max.max(1), usual, bulk, gauge }
    }

    /// A place on a connection; why not, if none can be made.
    pub async fn stream(&self, lane: Lane) -> Result<Stream, String> {
        let connections = self.of(lane);
        let asked = Instant::now();
        if let Some(stream) = connections.pick(self.max) {
            return Ok(stream);
        }
        // While another one is made, those that are there do.
        if let Ok(mut making) = connections.making.try_lock() {
            return self.make(connections, &mut making, asked).await;
        }
        if let Some(stream) = connections.pick(0) {
            return Ok(stream);
        }
        let mut making = connections.making.lock().await;
        self.make(connections, &mut making, asked).await
    }

    async fn make(
        &self,
        connections: &Connections,
        making: &mut Option<(Instant, String)>,
        asked: Instant,
    ) -> Result<Stream, String> {
        if let Some(stream) = connections.pick(self.max) {
            return Ok(stream);
        }
        if let Some((at, reason)) = making.as_ref()
            && *at > asked
        {
            return Err(reason.clone());
        }
        let made = match tokio::time::timeout(self.timeout, self.dial()).await {
            Ok(made) => made.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no connection within {:?}", self.timeout)),
        };
        match made {
            Ok(sender) => Ok(connections.add(sender)),
            Err(reason) => {
                *making = Some((Instant::now(), reason.clone()));
                Err(reason)
            }
        }
    }

    /// Lets go of the connections. What runs on them goes on.
    pub fn retire(&self) {
        for connections in [&self.usual, &self.bulk] {
            connections.lock().clear();
        }
    }

    fn of(&self, lane: Lane) -> &Connections {
        match lane {
            Lane::Usual => &self.usual,
            Lane::Bulk => &self.bulk,
        }
    }

    async fn dial(&self) -> io::Result<http2::SendRequest<Body>> {
        let tcp = TcpStream::connect(self.target.socket).await?;
        tcp.set_nodelay(true)?;
        match &self.target.tls {
            None => self.handshake(TokioIo::new(tcp)).await,
            Some((connector, name)) => self.handshake(TokioIo::new(connector.connect(name.clone(), tcp).await?)).await,
        }
    }

    async fn handshake(&self, io: impl Read + Write + Unpin + Send + 'static) -> io::Result<http2::SendRequest<Body>> {
        let (sender, connection) = self.http.handshake(io).await.map_err(io::Error::other)?;
        let gauge = self.gauge.clone();
        gauge.increment(1.0);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a role ended");
            }
            gauge.decrement(1.0);
        });
        Ok(sender)
    }
}

impl Connections {
    /// A place on the connection with the fewest requests. None when there is no connection, or when all are busy and
    /// there may be another one.
    fn pick(&self, max: usize) -> Option<Stream> {
        let mut open = self.lock();
        open.retain(|connection| !connection.sender.is_closed());
        let least = open.iter().min_by_key(|connection| connection.streams.load(Ordering::Relaxed))?;
        let busy = least.streams.load(Ordering::Relaxed) >= BUSY;
        if busy && open.len() < max {
            return None;
        }
        Some(Stream::new(least))
    }

    fn add(&self, sender: http2::SendRequest<Body>) -> Stream {
        let connection = Arc::new(Connection { sender, streams: AtomicUsize::new(0) });
        let stream = Stream::new(&connection);
        self.lock().push(connection);
        stream
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.streams.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connection))
    }

    /// Sends the request. The error holds it, if not a byte of it was sent.
    pub async fn send(&self, request: Request<Body>) -> Result<http::Response<Incoming>, TrySendError<Request<Body>>> {
        self.0.sender.clone().try_send_request(request).await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
