//! The instances of a role, and which of them gets a request.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use http::uri::{Authority, Scheme};
use metrics::gauge;
use rand::Rng as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::config::{Address, UpstreamConfig};
use super::figures::{Figures, InstanceFigures};
use super::instance::{Instance, State};
use super::pool::{Pool, Target};

/// A name server that takes longer has not answered.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(2);

type Key = (Address, SocketAddr);

/// The instances.
pub struct Members {
    name: &'static str,
    config: UpstreamConfig,
    addresses: Vec<Address>,
    tls: Option<Arc<ClientConfig>>,
    list: ArcSwap<Vec<(Key, Arc<Instance>)>>,
}

impl Members {
    /// The instances whose addresses are numbers. Names are looked up by [`Members::resolve`].
    pub fn new(
        name: &'static str,
        addresses: Vec<Address>,
        config: UpstreamConfig,
        tls: Option<Arc<ClientConfig>>,
    ) -> Self {
        let list = ArcSwap::from_pointee(Vec::new());
        let members = Self { name, config, addresses, tls, list };
        let numbers = members.addresses.iter().filter_map(|address| {
            let ip: IpAddr = address.host.parse().ok()?;
            Some((address.clone(), SocketAddr::new(ip, address.port)))
        });
        members.replace(numbers.collect());
        members
    }

    /// Looks the names up and takes on what came, lets go of what went. A name that can't be looked up keeps what it
    /// stood for.
    pub async fn resolve(&self) {
        let looked_up = join_all(self.addresses.iter().map(async |address| {
            let lookup = tokio::net::lookup_host((address.host.as_str(), address.port));
            match tokio::time::timeout(LOOKUP_PATIENCE, lookup).await {
                Ok(Ok(found)) => Some(found.map(|socket| (address.clone(), socket)).collect::<Vec<Key>>()),
                Ok(Err(_)) | Err(_) => None,
            }
        }));
        let mut keys: Vec<Key> = Vec::new();
        for (address, found) in self.addresses.iter().zip(looked_up.await) {
            match found {
                Some(found) => keys.extend(found),
                None => {
                    tracing::warn!(upstream = self.name, %address, "a name could not be looked up");
                    keys.extend(self.list.load().iter().map(|(key, _)| key.clone()).filter(|key| key.0 == *address));
                }
            }
        }
        self.replace(keys);
    }

    fn replace(&self, mut keys: Vec<Key>) {
        keys.sort_by_key(|(address, socket)| (address.to_string(), *socket));
        keys.dedup();
        let before = self.list.load();
        if before.iter().map(|(key, _)| key).eq(&keys) {
            return;
        }
        let known: HashMap<&Key, &Arc<Instance>> = before.iter().map(|(key, instance)| (key, instance)).collect();
        let list = keys.into_iter().filter_map(|key| {
            let instance = match known.get(&key) {
                Some(instance) => Arc::clone(instance),
                None => Arc::new(self.instance(&key)?),
            };
            Some((key, instance))
        });
        self.list.store(Arc::new(list.collect()));
    }

    /// None where no request could name it.
    fn instance(&self, (address, socket): &Key) -> Option<Instance> {
        let unusable = || tracing::error!(upstream = self.name, %address, "an address that cannot be used");
        let label = socket.to_string();
        let authority =
            Authority::try_from(address.to_string().split_once("://")?.1).inspect_err(|_| unusable()).ok()?;
        let tls = if address.tls {
            let config = self.tls.clone().or_else(|| {
                unusable();
                None
            })?;
            let name = ServerName::try_from(address.host.clone()).inspect_err(|_| unusable()).ok()?;
            Some((TlsConnector::from(config), name))
        } else {
            None
        };
        let scheme = if address.tls { Scheme::HTTPS } else { Scheme::HTTP };
        let connections = gauge!("upstream_connections", "upstream" => self.name, "instance" => label.clone());
        let target = Target { socket: *socket, tls };
        let pool = Pool::new(target, self.config.connect_timeout(), self.config.max_connections, connections);
        Some(Instance::new(scheme, authority, pool, InstanceFigures::new(self.name, &label)))
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Instance>> {
        self.list.load().iter().map(|(_, instance)| Arc::clone(instance)).collect()
    }

    /// How each does.
    pub fn states(&self) -> Vec<State> {
        self.list.load().iter().map(|(_, instance)| instance.state()).collect()
    }

    /// Whether none answers.
    pub fn all_silent(&self) -> bool {
        self.list.load().iter().all(|(_, instance)| instance.state() == State::Silent)
    }

    /// The instance for the next try: of two at random the one with less to do. One that has not been tried comes before one
    /// that has; one that is ready before one that is not; one that does not answer never.
    pub fn pick(&self, tried: &[Arc<Instance>], figures: &Figures) -> Option<Arc<Instance>> {
        let list = self.list.load();
        let rank = |instance: &Arc<Instance>| {
            let again = tried.iter().any(|it| Arc::ptr_eq(it, instance));
            match instance.state() {
                State::Silent => None,
                State::Ready => Some(u8::from(again)),
                State::NotReady | State::Ejected => Some(2 + u8::from(again)),
            }
        };
        let mut candidates: Vec<(u8, &Arc<Instance>)> =
            list.iter().filter_map(|(_, instance)| Some((rank(instance)?, instance))).collect();
        let best = candidates.iter().map(|(rank, _)| *rank).min()?;
        candidates.retain(|(rank, _)| *rank == best);
        if best >= 2 {
            figures.panics.increment(1);
        }
        let mut random = rand::rng();
        let mut any = || candidates[random.random_range(0..candidates.len())].1;
        let (one, other) = (any(), any());
        Some(Arc::clone(if other.load() < one.load() { other } else { one }))
    }

    /// Whether there is another ready instance than those.
    pub fn has_other(&self, tried: &[Arc<Instance>]) -> bool {
        let list = self.list.load();
        let mut others = list.iter().filter(|(_, instance)| !tried.iter().any(|it| Arc::ptr_eq(it, instance)));
        others.any(|(_, instance)| instance.state() == State::Ready)
    }

    /// Notes that a request to `instance` failed. One failure too many ejects it, unless it is the last that is left.
    pub fn failed(&self, instance: &Arc<Instance>) {
        if instance.failed(&self.config) && self.has_other(std::slice::from_ref(instance)) {
            instance.eject(&self.config);
            tracing::warn!(upstream = self.name, instance = %instance.authority, "an instance fails and is left out");
        }
    }

    /// Notes that `instance` answered a request.
    pub fn answered(&self, instance: &Arc<Instance>) {
        instance.answered(&self.config);
    }
}
