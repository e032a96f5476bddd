//! The users role: accounts, sign-in, profiles, address books, staff roles.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | the public surface, one file an operation |
//! | [`domain`] | what an account, an address and a session are |
//! | [`ops`] | one file a use case: decides, writes, emits, commits |
//! | `store` | SQL; seals and opens personal data |
//! | [`passwords`] | bcrypt on a bounded pool |
//! | [`service`] | what other roles may ask (`contracts::users`) |
//! | [`jobs`] | periodic work |
//! | [`config`], [`error`] | settings; what can go wrong |
//!
//! Publishes `user.created`, `user.updated`, `user.deleted`; consumes nothing; needs its database alone.
//!
//! Personal data is sealed under a key of the person's own. Deleting an account destroys that key and empties the row.

pub mod api;
pub mod config;
pub mod domain;
pub mod error;
pub mod jobs;
pub mod ops;
pub mod passwords;
pub mod service;
mod store;

use std::sync::Arc;

use crypto::{Keyring, TokenSigner};
use kernel::Clock;
use messaging::Idempotency;
use pg::{Db, Grant, Schema};
use runtime::limits::RateLimiter;
use runtime::redis::Redis;
use runtime::revocation::Revocations;

pub use api::routes;
pub use config::{Config, ConfigError};
pub use error::Error;
pub use jobs::jobs;

use crate::passwords::Passwords;

/// Accounts whose attempts are counted at once.
const COUNTED_ACCOUNTS: usize = 100_000;

/// The role's database.
pub const SCHEMA: Schema = Schema {
    role: "users",
    migrations: || messaging::with_ground(sqlx::migrate!()),
    grants: &[
        messaging::GRANTS,
        &[
            Grant { table: "users", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "data_keys", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "addresses", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "sessions", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "refresh_tokens", runtime: "SELECT, INSERT, UPDATE, DELETE" },
        ],
    ],
    unpaired_amounts: &[],
};

/// The role with what it works with.
pub struct Users {
    db: Db,
    keyring: Keyring,
    signer: TokenSigner,
    clock: Clock,
    idempotency: Idempotency,
    passwords: Passwords,
    attempts: RateLimiter,
    revocations: Revocations,
}

impl Users {
    /// The role over its database. With Redis, attempts on an account are counted by all instances together.
    pub fn new(
        db: Db,
        keyring: Keyring,
        signer: TokenSigner,
        clock: Clock,
        config: &Config,
        redis: Option<&Redis>,
        revocations: Revocations,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        Ok(Arc::new(Self {
            idempotency: Idempotency::new(db.clone(), keyring.clone()),
            passwords: Passwords::new(config, keyring.clone()),
            attempts: RateLimiter::new("account_attempts", config.account_attempts, COUNTED_ACCOUNTS, redis),
            db,
            keyring,
            signer,
            clock,
            revocations,
        }))
    }
}
