//! The orders role: carts, checkout, orders, payments, refunds, fulfilments.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | the public surface, one file an operation |
//! | [`domain`] | what a cart and an order are and may do; prices and tax |
//! | [`ops`] | one file a use case: decides, writes, emits, commits |
//! | [`process`] | work of several steps that survives a crash: checkout, settling with providers, looking at payments |
//! | [`payments`] | payment providers: by hand, by Stripe |
//! | [`service`] | what other roles may ask |
//! | `store` | SQL |
//! | [`view`] | what answers show |
//! | `vault` | seals and opens personal data |
//! | [`consumers`], [`jobs`] | events of other roles; periodic work |
//! | [`doctor`] | what is wrong with a live shop |
//! | [`config`], [`error`] | settings; what can go wrong |
//!
//! Publishes `order.placed`, `order.paid`, `order.fulfilled`, `order.cancelled`, `order.refunded`; consumes
//! `user.deleted`; needs products for prices and stock, and users for a signed-in buyer's address.
//!
//! An order is the fold of its events. The tables `orders`, `order_lines`, `payments`, `refunds` and `fulfillments` are a
//! projection that `store::orders` writes in the transaction of the event, and that can be made again from the log.

pub mod api;
pub mod config;
pub mod consumers;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod jobs;
pub mod ops;
pub mod payments;
pub mod process;
pub mod service;
mod store;
mod vault;
pub mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::products::ProductsClient;
use contracts::users::UsersClient;
use crypto::Keyring;
use kernel::Clock;
use messaging::Idempotency;
use pg::{Db, Grant, Schema};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use api::routes;
pub use config::{Config, ConfigError};
pub use consumers::{CONSUMERS, consumers};
pub use error::Error;
pub use jobs::jobs;

use crate::config::Settings;
use crate::domain::rates::Rates;
use crate::payments::Providers;
use crate::vault::Vault;

/// The role's database.
pub const SCHEMA: Schema = Schema {
    role: "orders",
    migrations: || messaging::with_ground(sqlx::migrate!()),
    grants: &[
        messaging::GRANTS,
        &[
            Grant { table: "tax_rates", runtime: "SELECT" },
            Grant { table: "shipping_rates", runtime: "SELECT" },
            Grant { table: "data_keys", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "carts", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "payment_sessions", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "payment_notices", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "checkouts", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "orders", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "order_lines", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "payments", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "refunds", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "fulfillments", runtime: "SELECT, INSERT, UPDATE, DELETE" },
        ],
    ],
    unpaired_amounts: &[],
};

/// How long rates may be out of date.
const RATES_KEPT: Duration = Duration::from_mins(1);

/// The role with what it works with.
pub struct Orders {
    db: Db,
    vault: Vault,
    clock: Clock,
    products: ProductsClient,
    users: UsersClient,
    providers: Providers,
    idempotency: Idempotency,
    settings: Settings,
    rates: Mutex<Option<(Instant, Arc<Rates>)>>,
    /// Who holds leases here: another for every start of a process.
    instance: Uuid,
    /// Work that goes on when its caller has left: checkouts, notices of payments.
    running: TaskTracker,
    /// One look for waiting notices at a time.
    seeing_to_notices: tokio::sync::Mutex<()>,
}

impl Orders {
    /// The role over its database.
    pub fn new(
        db: Db,
        keyring: Keyring,
        clock: Clock,
        products: ProductsClient,
        users: UsersClient,
        providers: Providers,
        config: &Config,
    ) -> Result<Arc<Self>, ConfigError> {
        Ok(Arc::new(Self {
            idempotency: Idempotency::new(db.clone(), keyring.clone()),
            vault: Vault::new(keyring),
            clock,
            products,
            users,
            providers,
            settings: config.settings()?,
            rates: Mutex::new(None),
            instance: kernel::id::new_capability(),
            running: TaskTracker::new(),
            seeing_to_notices: tokio::sync::Mutex::new(()),
            db,
        }))
    }

    /// Waits for the checkouts that run here. What comes after, another instance resumes.
    async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Tax and shipping rates, read again when those at hand are a minute old.
    async fn rates(&self) -> Result<Arc<Rates>, Error> {
        let kept = self.rates.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((read_at, rates)) = kept
            && read_at.elapsed() < RATES_KEPT
        {
            return Ok(rates);
        }
        let rates = Arc::new(store::rates::load(&mut *self.db.primary().acquire().await?).await?);
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&rates)));
        Ok(rates)
    }
}
