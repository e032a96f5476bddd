//! The roles of a process with their databases, not yet working: what commands such as `doctor` use.

use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use contracts::event_log::EventLog;
use contracts::products::ProductsClient;
use contracts::users::UsersClient;
use crypto::{Keyring, TokenSigner, TokenVerifier};
use kernel::Clock;
use messaging::Consumer;
use orders::payments::Providers;
use pg::{Db, Schema};
use runtime::http::{Role, RoleApi};
use runtime::redis::Redis;
use runtime::revocation::Revocations;

use super::Here;
use super::peers::Peers;
use crate::settings::Settings;

/// The roles of this process, each if it runs here.
pub struct Roles {
    users: Option<Arc<users::Users>>,
    products: Option<Arc<products::Products>>,
    orders: Option<Arc<orders::Orders>>,
    webhooks: Option<Arc<webhooks::Webhooks>>,
    /// Their databases.
    pub databases: Vec<Db>,
    /// What all processes of the shop share, where there is one.
    pub(super) redis: Option<Redis>,
    pub(super) revocations: Revocations,
    pub(super) verifier: TokenVerifier,
    /// Users, wherever it runs.
    pub(super) users_client: UsersClient,
}

impl Roles {
    /// Connects all roles, in this process, to their databases and to each other.
    pub async fn connect(settings: &Settings) -> anyhow::Result<Self> {
        Self::connect_some(settings, &Here::all(), None).await
    }

    /// Connects the roles here to their databases and to each other, wherever the others are.
    pub(super) async fn connect_some(
        settings: &Settings,
        here: &Here,
        peers: Option<&Peers<'_>>,
    ) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let keyring = || Keyring::new(&settings.keyring).context("keyring");
        let redis = Redis::new(&settings.redis)?;
        let databases = connect_databases(settings, here).await?;
        let database = |role: Role| databases.iter().find(|db| db.role() == role.as_str()).cloned();

        let (issuer, audience) = (&settings.tokens.issuer, &settings.tokens.audience);
        let verifier = TokenVerifier::without_keys(issuer, audience, clock.clone());
        let revocations = Revocations::new(&verifier, clock.clone(), redis.clone());
        let users = match database(Role::Users) {
            Some(db) => {
                let signer = TokenSigner::new(&settings.tokens, clock.clone()).context("tokens")?;
                verifier.set_keys(signer.jwks()).context("tokens")?;
                let (clock, redis) = (clock.clone(), redis.as_ref());
                let revocations = revocations.clone();
                Some(users::Users::new(db, keyring()?, signer, clock, &settings.users, redis, revocations)?)
            }
            None => None,
        };
        let users_client = match (&users, peers) {
            (Some(users), _) => UsersClient::local(users.clone()),
            (None, peers) => remote(peers, Role::Users)?.users()?,
        };
        let products = match database(Role::Products) {
            Some(db) => {
                let (clock, config) = (clock.clone(), &settings.products);
                Some(Arc::new(products::Products::new(db, keyring()?, clock, config, redis.clone())))
            }
            None => None,
        };
        let orders = match database(Role::Orders) {
            Some(db) => {
                let products_client = match &products {
                    Some(products) => ProductsClient::local(products.clone()),
                    None => remote(peers, Role::Products)?.products()?,
                };
                let providers = Providers::configured(&settings.orders)?;
                let (users, config) = (users_client.clone(), &settings.orders);
                Some(orders::Orders::new(db, keyring()?, clock.clone(), products_client, users, providers, config)?)
            }
            None => None,
        };
        let webhooks = match database(Role::Webhooks) {
            Some(db) => Some(webhooks::Webhooks::new(db, keyring()?, clock, &settings.webhooks)?),
            None => None,
        };
        Ok(Self { users, products, orders, webhooks, databases, redis, revocations, verifier, users_client })
    }

    /// Accounts, if they run here.
    pub fn users(&self) -> anyhow::Result<&Arc<users::Users>> {
        self.users.as_ref().context("users does not run in this process")
    }

    /// Catalog and stock, if they run here.
    pub fn products(&self) -> anyhow::Result<&Arc<products::Products>> {
        self.products.as_ref().context("products does not run in this process")
    }

    /// Carts, orders, payments, if they run here.
    pub fn orders(&self) -> anyhow::Result<&Arc<orders::Orders>> {
        self.orders.as_ref().context("orders does not run in this process")
    }

    /// Merchants' endpoints and deliveries to them, if they run here.
    pub fn webhooks(&self) -> anyhow::Result<&Arc<webhooks::Webhooks>> {
        self.webhooks.as_ref().context("webhooks does not run in this process")
    }

    /// The durable consumers of the roles here.
    pub fn consumers(&self) -> Vec<Consumer> {
        let mut consumers = self.orders.as_ref().map(orders::consumers).unwrap_or_default();
        consumers.extend(self.webhooks.iter().flat_map(webhooks::consumers));
        consumers
    }

    /// The event log of a role, if it runs here.
    pub(super) fn log(&self, role: Role) -> Option<Arc<dyn EventLog>> {
        match role {
            Role::Gateway => None,
            Role::Users => self.users.clone().map(|users| users as _),
            Role::Products => self.products.clone().map(|products| products as _),
            Role::Orders => self.orders.clone().map(|orders| orders as _),
            Role::Webhooks => self.webhooks.clone().map(|webhooks| webhooks as _),
        }
    }

    /// The public surface of a role, if it runs here.
    pub(super) fn api(&self, role: Role) -> Option<RoleApi> {
        match role {
            Role::Users => Some(users::routes().build(Arc::clone(self.users.as_ref()?), &self.verifier)),
            Role::Products => Some(products::routes().build(Arc::clone(self.products.as_ref()?), &self.verifier)),
            Role::Orders => Some(orders::routes().build(Arc::clone(self.orders.as_ref()?), &self.verifier)),
            Role::Webhooks => Some(webhooks::routes().build(Arc::clone(self.webhooks.as_ref()?), &self.verifier)),
            Role::Gateway => None,
        }
    }
}

fn remote<'a>(peers: Option<&'a Peers<'a>>, role: Role) -> anyhow::Result<&'a Peers<'a>> {
    peers.with_context(|| format!("{} runs neither here nor elsewhere", role.as_str()))
}

async fn connect_databases(settings: &Settings, here: &Here) -> anyhow::Result<Vec<Db>> {
    let schemas = super::SCHEMAS.iter().filter(|schema| here.serving().any(|role| role.as_str() == schema.role));
    let mut databases = Vec::new();
    for schema in schemas {
        // On the heap: whoever awaits this would else carry the state of them all about.
        databases.push(Box::pin(connect_database(settings, schema)).await?);
    }
    Ok(databases)
}
/// Connects to a role's database, which must have every migration: statements would fail one by one otherwise.
async fn connect_database(settings: &Settings, schema: &Schema) -> anyhow::Result<Db> {
    let role = schema.role;
    let config = settings.databases.of(role).with_context(|| format!("{role} has no database"))?;
    let db = Db::connect(role, config).await;
    let db = db.map_err(|error| unreachable(&format!("databases.{role}.url"), error))?;
    let steps = pg::migrate::status(db.primary(), schema).await;
    let steps = steps.with_context(|| format!("the database of {role} does not tell its migrations"))?;
    let missing = steps.iter().filter(|step| !step.applied).count();
    ensure!(missing == 0, "the database of {role} lacks {missing} migrations: run `tradepost migrate up`");
    Ok(db)
}

/// Why the database of a setting can't be used, in words that lead to the remedy. Never the address: it holds a password.
pub fn unreachable(setting: &str, error: sqlx::Error) -> anyhow::Error {
    match error {
        // The pool keeps trying while nothing listens there.
        sqlx::Error::PoolTimedOut => anyhow!(
            "the database of {setting} does not answer: does PostgreSQL run at this address, with connections to spare?"
        ),
        sqlx::Error::Configuration(_) => {
            anyhow!("{setting} is not an address such as postgres://login:password@host/database")
        }
        error => anyhow::Error::new(error).context(format!("the database of {setting} cannot be used")),
    }
}
