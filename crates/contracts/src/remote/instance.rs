//! One instance of a role: its connection, and whether it rests after failures.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

use super::connector::Address;

/// Time for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a connection is asked whether it lives, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_PATIENCE: Duration = Duration::from_secs(2);
/// How long an instance rests after its first failure; twice as long after each further one.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(15);

/// An instance.
pub(super) struct Instance {
    pub(super) address: SocketAddr,
    pub(super) channel: Channel,
    in_flight: AtomicUsize,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    /// Failures in a row.
    failures: u32,
    rests_until: Option<Instant>,
}

/// Which instance to prefer: one that is well, then the one with the least to do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Preference {
    state: State,
    in_flight: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// After a rest: one call tries whether it is well again.
    ToBeTried,
    Well,
    Resting,
}

/// A call under way.
pub(super) struct InFlight(Arc<Instance>);

impl Instance {
    /// The instance at `address`, not yet connected.
    pub(super) fn new(address: SocketAddr, of: &Address) -> Self {
        // The scheme is that of the bytes inside of the connection, which the connector makes, with TLS or without.
        let endpoint = Endpoint::from(origin(&of.host, of.port))
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE)
            .keep_alive_while_idle(true);
        let tls = of.tls.clone();
        let channel = endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
            let tls = tls.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let stream: Box<dyn Stream> = match tls {
                    None => Box::new(stream),
                    Some((connector, name)) => Box::new(connector.connect(name, stream).await?),
                };
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        }));
        Self { address, channel, in_flight: AtomicUsize::new(0), health: Mutex::default() }
    }

    pub(super) fn preference(&self, now: Instant) -> Preference {
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match health.rests_until {
            None => State::Well,
            Some(until) if until <= now && in_flight == 0 => State::ToBeTried,
            Some(_) => State::Resting,
        };
        Preference { state, in_flight }
    }

    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// It answered, whatever it said.
    pub(super) fn is_well(&self) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = Health::default();
    }

    /// It did not answer.
    pub(super) fn failed(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = FIRST_REST.saturating_mul(1 << health.failures.min(8)).min(LONGEST_REST);
        health.failures += 1;
        health.rests_until = Some(Instant::now() + rest);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn origin(host: &str, port: u16) -> Uri {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    // The parts come from an address that was read as one.
    Uri::builder().scheme("http").authority(format!("{host}:{port}")).path_and_query("/").build().unwrap_or_default()
}
