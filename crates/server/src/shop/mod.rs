//! The roles of a process at work: all of a shop, or some of it.
//!
//! | module | holds |
//! |---|---|
//! | [`here`] | which roles a process runs, and whom they ask |
//! | [`roles`] | the roles with their databases, connected to each other |
//! | `peers` | the way to the roles that run elsewhere |
//! | `internal` | the listener for the roles elsewhere |
//! | `events` | transport, consumers, relays |
//! | `keys` | the keys of access tokens, where users runs elsewhere |

mod events;
pub mod here;
mod internal;
mod keys;
mod peers;
pub mod roles;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use contracts::event_log::EventLogClient;
use gateway::Gateway;
use gateway::stream::Hub;
use kernel::Clock;
use pg::{Db, Schema};
use runtime::Tasks;
use runtime::health::Health;
use runtime::http::{Role, Route, serve};
use runtime::tasks::TaskFailure;
use runtime::telemetry::Metrics;
use tokio::net::TcpListener;
use utoipa::openapi::OpenApi;

pub use here::Here;
pub use roles::{Roles, unreachable};

use internal::Internal;
use peers::Peers;

use crate::settings::Settings;

/// The schemas of all databases.
pub const SCHEMAS: &[Schema] = &[users::SCHEMA, products::SCHEMA, orders::SCHEMA, webhooks::SCHEMA];

/// Time that a connection has to finish its requests when the shop stops.
const CONNECTION_GRACE: Duration = Duration::from_secs(10);
/// Time that a shop has to become ready.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// The roles of a process at work.
pub struct Shop {
    /// The roles.
    pub roles: Roles,
    gateway: Option<Gateway>,
    internal: Option<Internal>,
    metrics: Metrics,
    health: Health,
    tasks: Tasks,
}

/// Where the roles of a process are reached.
pub struct Listeners {
    /// The API, where the gateway runs.
    pub api: Option<TcpListener>,
    /// The roles elsewhere, where there are any that ask those here.
    pub internal: Option<TcpListener>,
    /// Prometheus' page.
    pub metrics: TcpListener,
}

impl Shop {
    /// Starts the work of these roles: relays, consumers, jobs. [`Shop::serve`] opens the doors.
    pub async fn start(settings: &Settings, here: &Here, metrics: Metrics) -> anyhow::Result<Self> {
        let peers = Peers::new(settings, here, &Clock::system())?;
        let roles = Roles::connect_some(settings, here, peers.as_ref()).await?;
        let (tasks, health) = (Tasks::new(), Health::default());
        if !here.has(Role::Users) {
            keys::follow(roles.users_client.clone(), &roles.verifier, &tasks, &health);
        }
        let transport = events::transport(settings, &tasks, &health)?;
        start_checks(&roles, &health);
        if let Ok(users) = roles.users() {
            // Before the doors open: who signed out just before a restart stays out.
            users::ops::recall_ended_sessions(users).await.context("sessions that have ended")?;
        }
        roles.revocations.start(&tasks);
        start_jobs(&roles, &tasks);
        let internal = internal::serve(settings, here, &roles, &health)?;
        let gateway = if here.has(Role::Gateway) {
            let hub = Hub::new(logs(&roles, peers.as_ref())?, &settings.gateway.stream);
            events::feed(&hub, transport.as_ref());
            Some(start_gateway(settings, &roles, peers.as_ref(), hub, &health, &tasks))
        } else {
            None
        };
        events::start(&roles, &transport, &tasks);
        metrics.keep_up(&tasks);
        Ok(Self { roles, gateway, internal, metrics, health, tasks })
    }

    /// Serves what there is on `listeners` until [`Shop::stop`].
    pub fn serve(&self, listeners: Listeners) {
        let stop = self.tasks.shutdown_token();
        if let (Some(gateway), Some(listener)) = (&self.gateway, listeners.api) {
            self.listen("gateway.listener", serve::serve(listener, gateway.router(), stop.clone(), CONNECTION_GRACE));
        }
        if let (Some(Internal { router, tls }), Some(listener)) = (&self.internal, listeners.internal) {
            let (router, tls) = (router.clone(), tls.clone());
            let served = serve::serve_peers(listener, tls, router, stop.clone(), CONNECTION_GRACE);
            self.listen("internal.listener", served);
        }
        let page = gateway::metrics_page::router(self.metrics.clone());
        let page = page.merge(gateway::operations::probes(self.health.clone()));
        self.listen("metrics_listener", serve::serve(listeners.metrics, page, stop, CONNECTION_GRACE));
    }

    fn listen(&self, name: &'static str, served: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(name, async {
            served.await;
            Ok::<_, Infallible>(())
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

/// Tells whether what the roles here need can be used.
fn start_checks(roles: &Roles, health: &Health) {
    for db in &roles.databases {
        let checked: Db = db.clone();
        health.add(database_check(db.role()), move || {
            let db = checked.clone();
            async move { db.ping().await }
        });
    }
    if let Ok(products) = roles.products()
        && products.has_replica()
    {
        let products = Arc::clone(products);
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
}

/// Starts the periodic work of the roles here.
fn start_jobs(roles: &Roles, tasks: &Tasks) {
    if let Ok(users) = roles.users() {
        users::jobs(users, tasks);
    }
    if let Ok(products) = roles.products() {
        products::jobs::start(products, tasks);
    }
    if let Ok(orders) = roles.orders() {
        orders::jobs(orders, tasks);
    }
    if let Ok(webhooks) = roles.webhooks() {
        webhooks::jobs(webhooks, tasks);
    }
}

/// The event log of every role, wherever it runs.
fn logs(roles: &Roles, peers: Option<&Peers<'_>>) -> anyhow::Result<Vec<(&'static str, EventLogClient)>> {
    let mut logs = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Gateway) {
        let log = match (roles.log(role), peers) {
            (Some(log), _) => EventLogClient::local(log),
            (None, Some(peers)) => peers.log(role)?,
            (None, None) => continue,
        };
        logs.push((role.as_str(), log));
    }
    Ok(logs)
}

/// The edge, in front of the roles here and elsewhere.
fn start_gateway(
    settings: &Settings,
    roles: &Roles,
    peers: Option<&Peers<'_>>,
    hub: Arc<Hub>,
    health: &Health,
    tasks: &Tasks,
) -> Gateway {
    let (mut apis, mut upstreams) = (Vec::new(), Vec::new());
    for (role, (table, openapi)) in Role::ALL.into_iter().filter_map(|role| Some((role, declared(role)?))) {
        if let Some(api) = roles.api(role) {
            apis.push(api);
        } else if let Some(peers) = peers {
            let upstream = peers.upstream(role);
            upstream.start(tasks);
            apis.push(upstream.api(table, openapi));
            upstreams.push(upstream);
        }
    }
    let gateway = Gateway::new(&settings.gateway, apis, &roles.verifier, health.clone(), roles.redis.as_ref(), hub);
    gateway.tell_of(upstreams);
    gateway.start_jobs(tasks);
    gateway
}

fn database_check(role: &'static str) -> &'static str {
    match role {
        "users" => "users.database",
        "products" => "products.database",
        "webhooks" => "webhooks.database",
        _ => "orders.database",
    }
}

/// The operations of a role, as its crate declares them: the same wherever it runs.
fn declared(role: Role) -> Option<(Vec<Arc<Route>>, OpenApi)> {
    match role {
        Role::Users => Some((users::routes().table(), users::routes().openapi().clone())),
        Role::Products => Some((products::routes().table(), products::routes().openapi().clone())),
        Role::Orders => Some((orders::routes().table(), orders::routes().openapi().clone())),
        Role::Webhooks => Some((webhooks::routes().table(), webhooks::routes().openapi().clone())),
        Role::Gateway => None,
    }
}

/// Every operation of every role.
pub fn route_table() -> Vec<Arc<Route>> {
    let declared = Role::ALL.into_iter().filter_map(declared).flat_map(|(table, _)| table);
    gateway::operations::routes().table().into_iter().chain(declared).collect()
}

/// The OpenAPI document of every role together.
pub fn openapi() -> serde_json::Value {
    gateway::document::assemble(Role::ALL.into_iter().filter_map(declared))
}
