//! The edge's own operations.

mod get_openapi;
mod health;
mod ready;
mod stream;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use crypto::TokenVerifier;
use runtime::health::Health;
use runtime::http::{Policy, Role, RoleApi, Routes, routes};
use serde_json::Value;

use crate::client::Proxies;
use crate::config::GatewayConfig;
use crate::stream::Stream;
use crate::upstream::Upstream;

/// What the operations need.
pub struct Edge {
    health: Health,
    document: Bytes,
    upstreams: Arc<Upstreams>,
    proxies: Proxies,
    stream: Arc<Stream>,
}

/// The roles elsewhere, once they are known.
pub type Upstreams = OnceLock<Vec<Arc<Upstream>>>;

/// The operations.
pub fn routes() -> Routes<Arc<Edge>> {
    Routes::new(Role::Gateway)
        .add(routes!(health::health), Policy::public())
        .add(routes!(ready::ready), Policy::public())
        .add(routes!(get_openapi::get_openapi), Policy::public())
        .add(routes!(stream::stream), Policy::optional())
}

/// Health and readiness alone, for listeners that are not the API's.
pub fn probes(health: Health) -> Router {
    let ready = async move || ready::look(&health, &[]).await;
    Router::new().route("/health", get(health::health)).route("/ready", get(ready))
}

/// The operations, ready to be called.
pub fn api(
    config: &GatewayConfig,
    health: Health,
    document: &Value,
    upstreams: Arc<Upstreams>,
    stream: Arc<Stream>,
    verifier: &TokenVerifier,
) -> RoleApi {
    let proxies = Proxies::new(config.trusted_proxies.clone(), config.proxy_header);
    let document = crate::document::print(document).into();
    routes().build(Arc::new(Edge { health, document, upstreams, proxies, stream }), verifier)
}
