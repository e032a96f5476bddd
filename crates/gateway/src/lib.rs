//! The edge: the one entry point of the public API.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | the settings of the edge |
//! | [`admission`] | the layer in front of every operation: trace, load shedding, rate limits, token, access log |
//! | [`limits`] | rate limits by address and by caller, and their headers |
//! | [`client`] | the client's address behind trusted proxies |
//! | [`shield`] | the layers around everything: security headers, CORS, absurd requests |
//! | [`operations`] | the edge's own operations: health, readiness, the OpenAPI document |
//! | [`document`] | the OpenAPI document of all roles together |
//! | [`upstream`] | the roles that run elsewhere: their instances, retries, what is answered while they are away |
//! | [`stream`] | the WebSocket: live events and the log behind them |
//! | [`pages`] | the pages that show the API: `/`, `/docs`, `/graphql`, `/live-orders` |
//! | [`metrics_page`] | Prometheus' page, for a listener of its own |
//!
//! The layers, from the outside in: [`shield`], `runtime::http::entry` (request id, panics), [`admission`], and then the
//! role's own guard (token again, body, deadline). A role in this process is its router, called without a socket; one
//! elsewhere is an [`upstream::Upstream`], whose router passes requests on.

pub mod admission;
pub mod client;
pub mod config;
pub mod document;
pub mod limits;
pub mod metrics_page;
pub mod operations;
pub mod pages;
pub mod shield;
pub mod stream;
pub mod upstream;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use crypto::TokenVerifier;
use runtime::Tasks;
use runtime::health::Health;
use runtime::http::{RoleApi, Route, entry};
use runtime::redis::Redis;

pub use config::GatewayConfig;

use admission::Admission;
use limits::Limits;
use stream::{Hub, Stream};

/// The edge, ready to be served.
pub struct Gateway {
    router: Router,
    routes: Vec<Arc<Route>>,
    limits: Arc<Limits>,
    upstreams: Arc<operations::Upstreams>,
    hub: Arc<Hub>,
}

impl Gateway {
    /// The edge in front of `roles`, with the events of `hub`. With Redis, limits hold over all gateways together.
    pub fn new(
        config: &GatewayConfig,
        roles: Vec<RoleApi>,
        verifier: &TokenVerifier,
        health: Health,
        redis: Option<&Redis>,
        hub: Arc<Hub>,
    ) -> Self {
        let document = document::assemble(roles.iter().map(|api| (api.routes.clone(), api.openapi.clone())));
        let upstreams = Arc::default();
        let stream = Stream::new(config, Arc::clone(&hub), verifier.clone());
        let own = operations::api(config, health, &document, Arc::clone(&upstreams), stream, verifier);
        let apis: Vec<RoleApi> = std::iter::once(own).chain(roles).collect();
        let routes: Vec<_> = apis.iter().flat_map(|api| api.routes.iter().cloned()).collect();

        let limits = Arc::new(Limits::new(&config.limits, redis));
        let admission = Arc::new(Admission::new(config, &routes, verifier.clone(), Arc::clone(&limits)));
        let operations = apis.into_iter().fold(Router::new(), |router, api| router.merge(api.router));
        let router = operations
            .route_layer(from_fn_with_state(admission, admission::admit))
            .merge(pages::router())
            .layer(from_fn(shield::refuse_absurd))
            .layer(from_fn(entry::enter))
            .layer(shield::cors(&config.cors))
            .layer(from_fn(shield::secure));
        Self { router, routes, limits, upstreams, hub }
    }

    /// Lets `/ready` tell how these do. It says nothing of roles in this process, and takes the first word only.
    pub fn tell_of(&self, upstreams: Vec<Arc<upstream::Upstream>>) {
        let _ = self.upstreams.set(upstreams);
    }

    /// What to serve.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The route table: every operation of the edge and of all roles behind it.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Starts the edge's background work.
    pub fn start_jobs(&self, tasks: &Tasks) {
        self.hub.start(tasks);
        let limits = Arc::clone(&self.limits);
        tasks.every("gateway.sweep_limits", Duration::from_secs(10), move || {
            limits.sweep();
            std::future::ready(Ok::<_, Infallible>(()))
        });
    }
}
