//! Prometheus' page, for a listener of its own.
//!
//! It tells much of a shop: how many orders, how many failed logins. So it is not part of the public API, and its
//! listener is on the loopback address unless the settings open it, say to a network of the cluster alone.

use axum::Router;
use axum::routing::get;
use http::header;
use runtime::telemetry::Metrics;

/// `GET /metrics`.
pub fn router(metrics: Metrics) -> Router {
    let page = move || {
        let page = metrics.render();
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page) }
    };
    Router::new().route("/metrics", get(page))
}
