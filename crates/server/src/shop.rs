//! The roles wired together in one process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use contracts::event_log::EventLogClient;
use contracts::products::ProductsClient;
use contracts::users::UsersClient;
use crypto::{Keyring, TokenSigner, TokenVerifier};
use gateway::Gateway;
use gateway::stream::Hub;
use kernel::Clock;
use messaging::{Consumer, InProcess, RabbitMq, Relay, Transport};
use orders::payments::Providers;
use pg::{Db, Schema};
use runtime::Tasks;
use runtime::health::Health;
use runtime::http::{RoleApi, Route, serve};
use runtime::redis::Redis;
use runtime::revocation::Revocations;
use runtime::tasks::TaskFailure;
use runtime::telemetry::Metrics;
use tokio::net::TcpListener;

use crate::settings::Settings;

/// The schemas of all databases.
pub const SCHEMAS: &[Schema] = &[users::SCHEMA, products::SCHEMA, orders::SCHEMA, webhooks::SCHEMA];

/// Time that a connection has to finish its requests when the shop stops.
const CONNECTION_GRACE: Duration = Duration::from_secs(10);
/// Time that a shop has to become ready.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// The roles with their databases, not yet working: what commands such as `doctor` use.
pub struct Roles {
    /// Accounts.
    pub users: Arc<users::Users>,
    /// Catalog and stock.
    pub products: Arc<products::Products>,
    /// Carts, orders, payments.
    pub orders: Arc<orders::Orders>,
    /// Merchants' endpoints and deliveries to them.
    pub webhooks: Arc<webhooks::Webhooks>,
    /// Their databases.
    pub databases: Vec<Db>,
    /// What all processes of the shop share, where there is one.
    redis: Option<Redis>,
    revocations: Revocations,
    verifier: TokenVerifier,
}

/// A working shop.
pub struct Shop {
    /// The roles.
    pub roles: Roles,
    gateway: Gateway,
    metrics: Metrics,
    health: Health,
    tasks: Tasks,
}

/// Where a shop is reached.
pub struct Listeners {
    /// The API.
    pub api: TcpListener,
    /// Prometheus' page.
    pub metrics: TcpListener,
}

impl Roles {
    /// Connects the roles to their databases and to each other.
    pub async fn connect(settings: &Settings) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let keyring = Keyring::new(&settings.keyring).context("keyring")?;
        let signer = TokenSigner::new(&settings.tokens, clock.clone()).context("tokens")?;
        let (issuer, audience) = (&settings.tokens.issuer, &settings.tokens.audience);
        let verifier = TokenVerifier::new(signer.jwks(), issuer, audience, clock.clone()).context("tokens")?;
        let redis = Redis::new(&settings.redis)?;
        let revocations = Revocations::new(&verifier, clock.clone(), redis.clone());
        let [users_db, products_db, orders_db, webhooks_db] = connect_databases(settings).await?;

        let users = users::Users::new(
            users_db.clone(),
            keyring.clone(),
            signer,
            clock.clone(),
            &settings.users,
            redis.as_ref(),
            revocations.clone(),
        )?;
        let products = products::Products::new(
            products_db.clone(),
            keyring.clone(),
            clock.clone(),
            &settings.products,
            redis.clone(),
        );
        let products = Arc::new(products);
        let users_client = UsersClient::local(users.clone());
        let products_client = ProductsClient::local(products.clone());
        let orders = orders::Orders::new(
            orders_db.clone(),
            keyring.clone(),
            clock.clone(),
            products_client,
            users_client,
            Providers::configured(&settings.orders)?,
            &settings.orders,
        )?;
        let webhooks = webhooks::Webhooks::new(webhooks_db.clone(), keyring, clock, &settings.webhooks)?;
        let databases = vec![users_db, products_db, orders_db, webhooks_db];
        Ok(Self { users, products, orders, webhooks, databases, redis, revocations, verifier })
    }

    /// Every durable consumer of every role.
    pub fn consumers(&self) -> Vec<Consumer> {
        orders::consumers(&self.orders)
    }

    /// The event log of each role.
    fn logs(&self) -> Vec<(&'static str, EventLogClient)> {
        vec![
            ("users", EventLogClient::local(self.users.clone())),
            ("products", EventLogClient::local(self.products.clone())),
            ("orders", EventLogClient::local(self.orders.clone())),
            ("webhooks", EventLogClient::local(self.webhooks.clone())),
        ]
    }

    /// The public surface of each role.
    fn apis(&self) -> Vec<RoleApi> {
        vec![
            users::routes().build(Arc::clone(&self.users), &self.verifier),
            products::routes().build(Arc::clone(&self.products), &self.verifier),
            orders::routes().build(Arc::clone(&self.orders), &self.verifier),
            webhooks::routes().build(Arc::clone(&self.webhooks), &self.verifier),
        ]
    }
}

async fn connect_databases(settings: &Settings) -> anyhow::Result<[Db; 4]> {
    // On the heap: whoever awaits this would else carry the state of them all about.
    let connect = |schema| Box::pin(connect_database(settings, schema));
    let (users, products, orders, webhooks) = tokio::try_join!(
        connect(&users::SCHEMA),
        connect(&products::SCHEMA),
        connect(&orders::SCHEMA),
        connect(&webhooks::SCHEMA)
    )?;
    Ok([users, products, orders, webhooks])
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

impl Shop {
    /// Starts the roles' work: relays, consumers, jobs. [`Shop::serve`] opens the doors.
    pub async fn start(settings: &Settings, metrics: Metrics) -> anyhow::Result<Self> {
        let roles = Roles::connect(settings).await?;
        let (tasks, health) = (Tasks::new(), Health::default());
        let transport = transport(settings, &roles, &tasks)?;
        products::consumers::subscribe(&roles.products, transport.as_ref());
        for consumer in roles.consumers() {
            transport.subscribe(consumer);
        }
        for db in &roles.databases {
            start_relay(db, &transport, &tasks);
            let checked = db.clone();
            health.add(database_check(db.role()), move || {
                let db = checked.clone();
                async move { db.ping().await }
            });
        }
        // Before the doors open: who signed out just before a restart stays out.
        users::ops::recall_ended_sessions(&roles.users).await.context("sessions that have ended")?;
        roles.revocations.start(&tasks);
        users::jobs(&roles.users, &tasks);
        products::jobs::start(&roles.products, &tasks);
        orders::jobs(&roles.orders, &tasks);
        webhooks::jobs(&roles.webhooks, &tasks);
        if roles.products.has_replica() {
            let products = Arc::clone(&roles.products);
            health.note("products.replica", move || {
                let usable = products.reads_from_replica();
                async move { if usable { Ok(()) } else { Err("not there, or too far behind") } }
            });
        }
        if let Some(redis) = roles.redis.clone() {
            health.note("redis", move || {
                let redis = redis.clone();
                async move { redis.ping().await }
            });
        }
        let redis = roles.redis.as_ref();
        let hub = Hub::new(roles.logs(), &settings.gateway.stream);
        feed(&hub, transport.as_ref());
        let gateway = Gateway::new(&settings.gateway, roles.apis(), &roles.verifier, health.clone(), redis, hub);
        gateway.start_jobs(&tasks);
        metrics.keep_up(&tasks);
        Ok(Self { roles, gateway, metrics, health, tasks })
    }

    /// Serves the API and the metrics until [`Shop::stop`].
    pub fn serve(&self, listeners: Listeners) {
        let stop = self.tasks.shutdown_token();
        let api = serve::serve(listeners.api, self.gateway.router(), stop.clone(), CONNECTION_GRACE);
        let page = gateway::metrics_page::router(self.metrics.clone());
        let metrics = serve::serve(listeners.metrics, page, stop, CONNECTION_GRACE);
        self.tasks.spawn("gateway.listener", async {
            api.await;
            Ok::<_, std::convert::Infallible>(())
        });
        self.tasks.spawn("gateway.metrics_listener", async {
            metrics.await;
            Ok::<_, std::convert::Infallible>(())
        });
    }

    /// Returns once every part is ready.
    pub async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + READY_PATIENCE;
        while !self.health.ready().await.ready {
            if tokio::time::Instant::now() > deadline {
                bail!("the shop is not ready after {} s; see the log", READY_PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Returns when a part has failed that the shop can't do without.
    pub async fn failed(&self) -> TaskFailure {
        self.tasks.shutdown_token().cancelled().await;
        self.tasks.failure().unwrap_or(TaskFailure { task: "shop", reason: "told to stop".into() })
    }

    /// Takes no more work, finishes what runs within `grace`, lets go of the databases.
    pub async fn stop(&self, grace: Duration) {
        if let Err(error) = self.tasks.shutdown(grace).await {
            tracing::warn!(%error, "not everything ended in time");
        }
        for db in &self.roles.databases {
            db.close().await;
        }
    }
}

/// Takes events to consumers: within this process, or by the broker if there is one.
fn transport(settings: &Settings, roles: &Roles, tasks: &Tasks) -> anyhow::Result<Arc<dyn Transport>> {
    if !settings.rabbitmq.is_set() {
        return Ok(Arc::new(InProcess::new()));
    }
    let transport = RabbitMq::new(&settings.rabbitmq)?;
    for consumer in roles.consumers() {
        transport.expect(consumer.name, consumer.kinds);
    }
    let (consuming, stop) = (transport.clone(), tasks.shutdown_token());
    tasks.spawn("rabbitmq", async move {
        consuming.run(stop).await;
        Ok::<_, std::convert::Infallible>(())
    });
    Ok(Arc::new(transport))
}

/// Every event goes to the stream's clients.
fn feed(hub: &Arc<Hub>, transport: &dyn Transport) {
    let hub = Arc::clone(hub);
    let handler = move |event| {
        hub.feed(event);
        Box::pin(std::future::ready(())) as _
    };
    transport.subscribe_fanout(events::registry::every_kind(), Arc::new(handler));
}

fn start_relay(db: &Db, transport: &Arc<dyn Transport>, tasks: &Tasks) {
    let relay = Relay::new(db.clone(), Arc::clone(transport));
    let stop = tasks.shutdown_token();
    tasks.spawn("relay", async move {
        relay.run(stop).await;
        Ok::<_, std::convert::Infallible>(())
    });
}

fn database_check(role: &'static str) -> &'static str {
    match role {
        "users" => "users.database",
        "products" => "products.database",
        "webhooks" => "webhooks.database",
        _ => "orders.database",
    }
}

/// Every operation of every role.
pub fn route_table() -> Vec<Arc<Route>> {
    let mut table = gateway::operations::routes().table();
    table.extend(users::routes().table());
    table.extend(products::routes().table());
    table.extend(orders::routes().table());
    table.extend(webhooks::routes().table());
    table
}

/// The OpenAPI document of every role together.
pub fn openapi() -> serde_json::Value {
    let (users, products, orders) = (users::routes(), products::routes(), orders::routes());
    let webhooks = webhooks::routes();
    let parts = [
        (users.table(), users.openapi().clone()),
        (products.table(), products.openapi().clone()),
        (orders.table(), orders.openapi().clone()),
        (webhooks.table(), webhooks.openapi().clone()),
    ];
    gateway::document::assemble(parts)
}
