//! The webhooks role: merchants' endpoints, and the signed delivery of every event to them.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | the public surface, one file an operation |
//! | [`domain`] | what an endpoint and a delivery are, which addresses may be called |
//! | [`ops`] | one file a use case: decides, writes, emits, commits |
//! | `store` | SQL; seals and opens secrets |
//! | [`consumers`] | every event: who is to be told of it |
//! | [`sender`] | sends what is due |
//! | [`service`] | what other roles may ask (`contracts::event_log`) |
//! | [`jobs`] | periodic work |
//! | [`config`], [`error`] | settings; what can go wrong |
//!
//! Publishes `webhook_endpoint.disabled`; consumes every event; needs its database alone.

pub mod api;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod error;
pub mod jobs;
pub mod ops;
pub mod sender;
pub mod service;
mod store;

use std::sync::Arc;

use crypto::Keyring;
use kernel::Clock;
use messaging::Idempotency;
use pg::{Db, Grant, Schema};
use runtime::telemetry::Latency;

pub use api::routes;
pub use config::{Config, ConfigError};
pub use consumers::{CONSUMERS, consumers};
pub use error::Error;
pub use jobs::jobs;

use crate::config::Rules;
use crate::sender::client::Sender;
use crate::sender::resolver::{Lookup, system_lookup};

/// The role's database.
pub const SCHEMA: Schema = Schema {
    role: "webhooks",
    migrations: || messaging::with_ground(sqlx::migrate!()),
    grants: &[
        messaging::GRANTS,
        &[
            Grant { table: "endpoints", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "endpoint_secrets", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "deliveries", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "attempts", runtime: "SELECT, INSERT, DELETE" },
        ],
    ],
    unpaired_amounts: &[],
};

/// The role with what it works with.
pub struct Webhooks {
    db: Db,
    keyring: Keyring,
    clock: Clock,
    idempotency: Idempotency,
    rules: Rules,
    sender: Sender,
    duration: Latency,
}

impl Webhooks {
    /// The role over its database.
    pub fn new(db: Db, keyring: Keyring, clock: Clock, config: &Config) -> Result<Arc<Self>, ConfigError> {
        Self::with_lookup(db, keyring, clock, config, system_lookup())
    }

    /// The same with another way to find the addresses of names.
    pub fn with_lookup(
        db: Db,
        keyring: Keyring,
        clock: Clock,
        config: &Config,
        lookup: Lookup,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let rules = config.rules();
        Ok(Arc::new(Self {
            idempotency: Idempotency::new(db.clone(), keyring.clone()),
            sender: Sender::new(&rules, lookup).map_err(|error| ConfigError::Client(error.to_string()))?,
            duration: Latency::new::<&'static str>("webhook_attempt", &[]),
            rules,
            db,
            keyring,
            clock,
        }))
    }
}
