//! Every setting, a section a concern. Where they come from: `runtime::config`.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use crypto::{KeyringConfig, TokenConfig};
use pg::DatabaseConfig;
use runtime::config::Sources;
use runtime::redis::RedisConfig;
use runtime::telemetry::TelemetryConfig;
use serde::{Deserialize, Serialize};

/// The settings of a process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The edge.
    pub gateway: gateway::GatewayConfig,
    /// Accounts.
    pub users: users::Config,
    /// Catalog and stock.
    pub products: products::Config,
    /// Carts, orders, payments.
    pub orders: orders::Config,
    /// Deliveries to merchants' endpoints.
    pub webhooks: webhooks::Config,
    /// How to reach the roles' databases.
    pub databases: Databases,
    /// Keys that seal personal data.
    pub keyring: KeyringConfig,
    /// Access tokens.
    pub tokens: TokenConfig,
    /// The broker that takes events from process to process.
    pub rabbitmq: messaging::RabbitMqConfig,
    /// What several processes share.
    pub redis: RedisConfig,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryConfig,
}

/// The roles' databases.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Databases {
    /// Of the users role.
    pub users: DatabaseConfig,
    /// Of the products role.
    pub products: DatabaseConfig,
    /// Of the orders role.
    pub orders: DatabaseConfig,
    /// Of the webhooks role.
    pub webhooks: DatabaseConfig,
}

impl Databases {
    /// The database of a role, by the role's name.
    pub fn of(&self, role: &str) -> Option<&DatabaseConfig> {
        match role {
            "users" => Some(&self.users),
            "products" => Some(&self.products),
            "orders" => Some(&self.orders),
            "webhooks" => Some(&self.webhooks),
            _ => None,
        }
    }
}

impl Settings {
    /// Reads the settings of this process: file < environment < flags.
    pub fn load(file: Option<PathBuf>, flags: Vec<(String, String)>) -> anyhow::Result<Self> {
        Ok(runtime::config::load(&Sources::of_process(file, flags)?)?)
    }

    /// What the types alone don't say.
    pub fn check(&self) -> anyhow::Result<()> {
        self.users.check()?;
        self.webhooks.check()?;
        ensure!(
            !self.keyring.index_key.expose().is_empty(),
            "keyring.index_key is not set (TRADEPOST__KEYRING__INDEX_KEY); for a shop of `tradepost up`, give --data"
        );
        crypto::Keyring::new(&self.keyring).context("keyring")?;
        ensure!(!self.tokens.issuer.is_empty(), "tokens.issuer is empty: the public address of this installation");
        ensure!(!self.tokens.audience.is_empty(), "tokens.audience is empty: whom the access tokens are for");
        crypto::TokenSigner::new(&self.tokens, kernel::Clock::system()).context("tokens")?;
        for role in crate::data_folder::DATABASE_ROLES {
            let url = self.databases.of(role).map(|database| database.url.expose());
            ensure!(
                url.is_some_and(|url| !url.is_empty()),
                "databases.{role}.url is not set (TRADEPOST__DATABASES__{}__URL)",
                role.to_uppercase()
            );
        }
        Ok(())
    }
}
