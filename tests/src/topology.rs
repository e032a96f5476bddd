//! How the roles of a shop are spread: all of them in one place, or each in places of its own that reach the others over
//! sockets, as processes do.

use crypto::KeyringConfig;
use kernel::Secret;
use runtime::http::Role;
use runtime::internal::TlsFiles;
use test_kit::{Authority, TestBroker};
use tokio::net::TcpListener;
use tradepost::settings::{Databases, Settings};
use tradepost::shop::{Here, Listeners};
use uuid::Uuid;

/// How the roles of a shop are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// All roles in one place, with nothing but PostgreSQL beside them.
    Together,
    /// Each role in a place of its own, with Redis and RabbitMQ.
    Apart,
    /// Two places of each role, with Redis, RabbitMQ and mutual TLS between them.
    TwoOfEach,
}

/// A place with the roles in it, and what it knows.
pub(crate) struct Place {
    pub(crate) here: Here,
    pub(crate) settings: Settings,
    pub(crate) listeners: Listeners,
}

/// The places of a shop.
pub(crate) struct Places {
    pub(crate) all: Vec<Place>,
    /// Base addresses of the gateways.
    pub(crate) apis: Vec<String>,
    /// Addresses of the internal listeners, with the roles.
    pub(crate) internal: Vec<(Role, String)>,
    /// Who signed the certificates.
    pub(crate) authority: Option<Authority>,
}

impl Topology {
    /// The places, with `settings` for all; `settings` learns what they share.
    pub(crate) async fn places(self, settings: &mut Settings) -> Places {
        let instances = match self {
            Self::Together => return together(settings).await,
            Self::Apart => 1,
            Self::TwoOfEach => 2,
        };
        share(settings);
        let authority = (self == Self::TwoOfEach).then(Authority::new);
        let scheme = if authority.is_some() { "https" } else { "http" };
        let (mut bound, mut apis, mut internal) = (Vec::new(), Vec::new(), Vec::new());
        for role in Role::ALL.into_iter().flat_map(|role| std::iter::repeat_n(role, instances)) {
            let (listener, metrics) = (listen().await, listen().await);
            let address = address(&listener);
            let listeners = if role == Role::Gateway {
                apis.push(format!("http://{address}"));
                Listeners { api: Some(listener), internal: None, metrics }
            } else {
                internal.push((role, format!("{scheme}://{address}")));
                Listeners { api: None, internal: Some(listener), metrics }
            };
            bound.push((role, listeners));
        }
        for (role, address) in &internal {
            let address = address.parse().expect("an address reads");
            match role {
                Role::Gateway => {}
                Role::Users => settings.upstreams.users.push(address),
                Role::Products => settings.upstreams.products.push(address),
                Role::Orders => settings.upstreams.orders.push(address),
                Role::Webhooks => settings.upstreams.webhooks.push(address),
            }
        }
        let places = bound.into_iter().enumerate().map(|(at, (role, listeners))| {
            let here = Here::named([role.as_str()]).expect("a role's name");
            let tls = authority.as_ref().map(|authority| files(authority, &format!("{}-{at}", role.as_str())));
            Place { settings: needed(settings, role, tls), here, listeners }
        });
        Places { all: places.collect(), apis, internal, authority }
    }
}

async fn together(settings: &Settings) -> Places {
    let (api, metrics) = (listen().await, listen().await);
    let apis = vec![format!("http://{}", address(&api))];
    let listeners = Listeners { api: Some(api), internal: None, metrics };
    let all = vec![Place { here: Here::all(), settings: settings.clone(), listeners }];
    Places { all, apis, internal: Vec::new(), authority: None }
}

/// What the places have in common, of this shop alone.
fn share(settings: &mut Settings) {
    settings.internal.secret = KeyringConfig::generate().index_key;
    let broker = TestBroker::new();
    settings.rabbitmq.url = Secret::from(broker.url);
    settings.rabbitmq.exchange = broker.exchange;
    settings.redis.url = Secret::from(test_kit::redis::shared_url());
    // On a busy machine too it is Redis that counts, rather than each place for itself.
    settings.redis.timeout_ms = 10_000;
    settings.redis.prefix = format!("test-{}", Uuid::new_v4().simple());
}

/// The settings that a place with this role needs, and no secret more.
fn needed(settings: &Settings, role: Role, tls: Option<TlsFiles>) -> Settings {
    let mut needed = settings.clone();
    needed.internal.tls = tls;
    needed.databases = Databases::default();
    match role {
        Role::Gateway => needed.keyring = KeyringConfig::default(),
        Role::Users => needed.databases.users = settings.databases.users.clone(),
        Role::Products => needed.databases.products = settings.databases.products.clone(),
        Role::Orders => needed.databases.orders = settings.databases.orders.clone(),
        Role::Webhooks => needed.databases.webhooks = settings.databases.webhooks.clone(),
    }
    if role != Role::Users {
        needed.tokens.signing_key = Secret::default();
    }
    needed
}

/// The certificate of a place, as the settings name it.
fn files(authority: &Authority, name: &str) -> TlsFiles {
    let issued = authority.issue(name);
    TlsFiles { certificate: issued.certificate, key: issued.key, authority: issued.authority, mutual: true }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

fn address(listener: &TcpListener) -> std::net::SocketAddr {
    listener.local_addr().expect("a bound listener has an address")
}
