//! Settings of the section `rabbitmq`.

use std::path::PathBuf;

use kernel::Secret;
use serde::{Deserialize, Serialize};

use crate::consumer::ATTEMPTS;

/// How many pauses there are between the tries of an event.
pub(super) const RETRIES: usize = ATTEMPTS as usize - 1;

/// How to reach RabbitMQ, and what is ours there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RabbitMqConfig {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS. Empty: events stay in this process.
    pub url: Secret,
    /// Who signs the broker's certificate, a PEM file; without it, the public authorities.
    pub authority: Option<PathBuf>,
    /// The topic exchange. Names of queues begin with it, so shops with different exchanges can share a virtual host.
    pub exchange: String,
    /// Messages that a consumer holds at most; what more there is stays with the broker.
    pub prefetch: u16,
    /// Pauses before a failed event is tried again, in milliseconds; after them it is a dead letter.
    pub retry_ms: [u32; RETRIES],
}

impl Default for RabbitMqConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            authority: None,
            exchange: "tradepost.events".to_owned(),
            prefetch: 200,
            retry_ms: [500, 2_000, 10_000, 60_000],
        }
    }
}

impl RabbitMqConfig {
    /// Whether a broker is to be used at all.
    pub fn is_set(&self) -> bool {
        !self.url.expose().is_empty()
    }
}
