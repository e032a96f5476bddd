//! Every setting, a section a concern. Where they come from: `runtime::config`.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use crypto::{KeyringConfig, TokenConfig};
use gateway::upstream::Address;
use pg::DatabaseConfig;
use runtime::config::Sources;
use runtime::http::Role;
use runtime::internal::InternalConfig;
use runtime::redis::RedisConfig;
use runtime::telemetry::TelemetryConfig;
use serde::{Deserialize, Serialize};

use crate::shop::Here;

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
    /// How the roles reach and know each other, where they run apart.
    pub internal: InternalConfig,
    /// Where the roles run that are not in this process.
    pub upstreams: Upstreams,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryConfig,
}

/// Where the roles run that are not in this process; several addresses are several instances.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstreams {
    /// Users.
    #[serde(deserialize_with = "runtime::config::comma_separated")]
    pub users: Vec<Address>,
    /// Products.
    #[serde(deserialize_with = "runtime::config::comma_separated")]
    pub products: Vec<Address>,
    /// Orders.
    #[serde(deserialize_with = "runtime::config::comma_separated")]
    pub orders: Vec<Address>,
    /// Webhooks.
    #[serde(deserialize_with = "runtime::config::comma_separated")]
    pub webhooks: Vec<Address>,
}

impl Upstreams {
    /// The addresses of a role.
    pub fn of(&self, role: Role) -> &[Address] {
        match role {
            Role::Gateway => &[],
            Role::Users => &self.users,
            Role::Products => &self.products,
            Role::Orders => &self.orders,
            Role::Webhooks => &self.webhooks,
        }
    }
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

    /// What the types alone don't say, for a process with these roles.
    pub fn check(&self, here: &Here) -> anyhow::Result<()> {
        for role in here.serving().map(Role::as_str) {
            ensure!(
                !self.keyring.index_key.expose().is_empty(),
                "keyring.index_key is not set (TRADEPOST__KEYRING__INDEX_KEY); for a shop of `tradepost up`, give --data"
            );
            crypto::Keyring::new(&self.keyring).context("keyring")?;
            let url = self.databases.of(role).map(|database| database.url.expose());
            ensure!(
                url.is_some_and(|url| !url.is_empty()),
                "databases.{role}.url is not set (TRADEPOST__DATABASES__{}__URL)",
                role.to_uppercase()
            );
        }
        ensure!(!self.tokens.issuer.is_empty(), "tokens.issuer is empty: the public address of this installation");
        ensure!(!self.tokens.audience.is_empty(), "tokens.audience is empty: whom the access tokens are for");
        if here.has(Role::Users) {
            self.users.check()?;
            crypto::TokenSigner::new(&self.tokens, kernel::Clock::system()).context("tokens")?;
        }
        if here.has(Role::Webhooks) {
            self.webhooks.check()?;
        }
        if here.is_whole() { Ok(()) } else { self.check_apart(here) }
    }

    /// What a process needs besides when other roles run elsewhere.
    fn check_apart(&self, here: &Here) -> anyhow::Result<()> {
        for role in here.elsewhere() {
            ensure!(
                !self.upstreams.of(role).is_empty(),
                "upstreams.{role} is not set: where {role} runs, such as http://127.0.0.1:7001, or all of --role {all} in \
                 one process",
                role = role.as_str(),
                all = Role::ALL.map(Role::as_str).join(","),
            );
        }
        ensure!(
            !self.internal.secret.expose().is_empty(),
            "internal.secret is not set: by it the roles know each other (TRADEPOST__INTERNAL__SECRET)"
        );
        self.internal.signer(&here.name(), kernel::Clock::system()).context("internal.secret")?;
        ensure!(
            self.rabbitmq.is_set(),
            "rabbitmq.url is not set: events reach roles in other processes by RabbitMQ (TRADEPOST__RABBITMQ__URL)"
        );
        Ok(())
    }
}
