//! The products role: categories, products, variants, prices, stock.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | GraphQL at `/api/v1/graphql` |
//! | [`domain`] | what a catalog is, and which values it takes |
//! | [`export`], [`generate`] | catalogs as files: of what there is, and made up |
//! | [`import`] | formats of catalogs, and what an import has to change |
//! | [`ops`] | what the role does, one file a use case |
//! | `store` | SQL |
//! | `service` | the promise to other roles: quotes, reservations |
//! | [`consumers`], [`jobs`] | cache invalidation by events; expiry of reservations |
//! | `replica` | which reads may go to the replica |
//! | [`cache`] | answers and categories in memory, answers in Redis, and how they are known to be out of date |
//!
//! Serves GraphQL and the contract `contracts::products`. Publishes `product.created/updated/deleted`,
//! `category.changed`, `inventory.changed`. Needs its own database and the transport of its own events.
//!
//! Whatever changes a product, its variants or their stock locks the product's row first, several in order of their ids.

pub mod api;
pub mod cache;
pub mod config;
pub mod consumers;
pub mod domain;
mod error;
pub mod export;
pub mod generate;
pub mod import;
pub mod jobs;
pub mod ops;
mod replica;
mod service;
mod store;

use std::sync::Arc;

use crypto::Keyring;
use kernel::{Clock, Currency};
use messaging::Idempotency;
use pg::{Db, Grant, Schema};
use runtime::redis::Redis;

pub use api::graphql::sdl;
pub use api::routes;
pub use config::{Config, GraphqlConfig};
pub use error::Error;

use cache::{Answers, Changes, Kept, Shared, Tag};
use domain::CategoryTree;
use replica::Replica;

/// The role's tables. The ledger and the lines of reservations are only added to.
pub const SCHEMA: Schema = Schema {
    role: "products",
    migrations: || messaging::with_ground(sqlx::migrate!()),
    grants: &[
        messaging::GRANTS,
        &[
            Grant { table: "categories", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "products", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "product_images", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "variants", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "variant_prices", runtime: "SELECT, INSERT, UPDATE, DELETE" },
            Grant { table: "stock_locations", runtime: "SELECT" },
            Grant { table: "inventory_levels", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "stock_movements", runtime: "SELECT, INSERT" },
            Grant { table: "reservations", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "reservation_lines", runtime: "SELECT, INSERT" },
            Grant { table: "product_imports", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "product_import_rejects", runtime: "SELECT, INSERT" },
        ],
    ],
    // The listing's figure, in the shop's one currency.
    unpaired_amounts: &["products.price"],
};

/// The role.
pub struct Products {
    db: Db,
    idempotency: Idempotency,
    clock: Clock,
    currency: Currency,
    changes: Arc<Changes>,
    categories: Kept<CategoryTree>,
    answers: Answers,
    shared: Option<Shared>,
    replica: Replica,
    turns: ops::Turns,
    graphql: GraphqlConfig,
    schema: api::graphql::Schema,
}

impl Products {
    /// The role over its database. With Redis, its instances share answers, and know of each other who wrote what.
    pub fn new(db: Db, keyring: Keyring, clock: Clock, config: &Config, redis: Option<Redis>) -> Self {
        let changes = Arc::new(Changes::default());
        let shared = |redis| Shared::new(redis, &config.shared_cache, config.currency, &changes);
        Self {
            shared: redis.clone().map(shared),
            idempotency: Idempotency::new(db.clone(), keyring),
            db,
            clock,
            currency: config.currency,
            changes,
            categories: Kept::new(Tag::Categories),
            answers: Answers::new(&config.cache),
            replica: Replica::new(redis),
            turns: ops::Turns::default(),
            schema: api::graphql::schema(&config.graphql),
            graphql: config.graphql.clone(),
        }
    }

    /// Whether the replica is read at the moment, where there is one.
    pub fn reads_from_replica(&self) -> bool {
        self.replica.is_usable()
    }

    /// Whether there is a replica to read from.
    pub fn has_replica(&self) -> bool {
        self.db.has_replica()
    }
}
