//! Settings of the stream.

use serde::{Deserialize, Serialize};

/// Bounds and times of the stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once from one address (an IPv6 client is its /64 network).
    pub max_connections_per_address: usize,
    /// Connections at once of one signed-in session.
    pub max_connections_per_session: usize,
    /// Topics that a connection follows at once.
    pub max_subscriptions: usize,
    /// Live events that may wait for a client; one more, and it is cut.
    pub queue_messages: usize,
    /// Bytes of live events that may wait for a client; more, and it is cut.
    pub queue_bytes: usize,
    /// Bytes of recent events that are kept of each role.
    pub recent_bytes: usize,
    /// Seconds between two heartbeats. A client that is silent for two of them is gone.
    pub heartbeat_seconds: u64,
    /// Seconds that a client has to take what is sent; then it is cut.
    pub write_seconds: u64,
    /// Messages of a client that may be wrong, until it is cut.
    pub max_errors: u32,
    /// Seconds before a token expires at which its client is told.
    pub token_warning_seconds: u32,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_connections_per_address: 1_000,
            max_connections_per_session: 20,
            max_subscriptions: 100,
            queue_messages: 256,
            queue_bytes: 256 * 1024,
            recent_bytes: 4 * 1024 * 1024,
            heartbeat_seconds: 25,
            write_seconds: 10,
            max_errors: 20,
            token_warning_seconds: 60,
        }
    }
}
