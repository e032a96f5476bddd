//! A connection to the broker that is made when it is needed, and again when it was lost.

use std::sync::Arc;
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;

use crate::transport::TransportError;

/// How long the broker may take for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a channel may take to close.
const FAREWELL: Duration = Duration::from_secs(2);
/// Seconds after which the broker asks whether we live. It gives a frozen process up after twice that time, and another
/// takes its consumers over; we do the same with a frozen broker.
const HEARTBEAT: u16 = 8;

impl From<lapin::Error> for TransportError {
    fn from(error: lapin::Error) -> Self {
        Self(error.to_string())
    }
}

/// The answer of the broker, or an error when none comes: one that is frozen says nothing at all.
pub(super) async fn answered<T, E: Into<TransportError>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, TransportError> {
    let late = |_| TransportError(format!("the broker has not answered within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?.map_err(Into::into)
}

/// Closes a channel, unless that takes too long: it then ends with its connection.
pub(super) async fn close(channel: &Channel) -> Result<(), TransportError> {
    let closed = tokio::time::timeout(FAREWELL, channel.close(200, "done".into())).await;
    closed.map_err(|_| TransportError("a channel could not be closed".to_owned()))?.map_err(Into::into)
}

/// One connection. Publishing and consuming have one each: a broker short of memory stops reading from those who
/// publish, and acknowledgements must go on.
pub(super) struct Link {
    uri: AMQPUri,
    tls: Option<String>,
    name: &'static str,
    current: Mutex<Option<Arc<Connection>>>,
}

impl Link {
    pub(super) fn new(mut uri: AMQPUri, tls: Option<String>, name: &'static str) -> Self {
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Self { uri, tls, name, current: Mutex::default() }
    }

    /// The connection; a new one if it was lost.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, TransportError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(Arc::clone(connection));
        }
        let properties =
            ConnectionProperties::default().with_connection_name(format!("tradepost {}", self.name).into());
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.tls.clone() };
        let runtime = lapin::runtime::default_runtime()?;
        let connecting = Connection::connect_uri_with_config(self.uri.clone(), properties, tls, runtime);
        let connection = Arc::new(answered(connecting).await?);
        metrics::counter!("broker_connections_total", "for" => self.name).increment(1);
        tracing::info!(connection = self.name, "connected to RabbitMQ");
        *current = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// A channel of its own for the caller.
    pub(super) async fn channel(&self) -> Result<Channel, TransportError> {
        let connection = self.connection().await?;
        answered(connection.create_channel()).await
    }

    /// Gives the connection up: it does not answer any more.
    pub(super) async fn forget(&self) {
        self.current.lock().await.take();
    }
}
