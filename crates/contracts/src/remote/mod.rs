//! The contracts over gRPC, for roles that run apart.
//!
//! | module | holds |
//! |---|---|
//! | [`connector`] | [`Connector`]: what a process shows its peers; makes the [`Upstream`] of a role |
//! | [`upstream`] | [`Upstream`]: the instances of a role; a call goes to the best, and on to the next one |
//! | `instance` | one instance: its connection, and whether it rests |
//! | `meta` | what travels beside a call: deadline, trace, request id, who acts |
//! | `wire` | the way of an answer; ids, times and currencies |
//! | `failure` | failures as gRPC statuses, and back |
//! | [`products`], [`users`], [`event_log`] | each contract: its caller and its service |
//!
//! Every contract call may be repeated, so a call whose answer is lost is sent again, to another instance where there is one:
//! within its deadline, and as long as repeats stay a small part of all calls.

pub mod connector;
pub mod event_log;
mod failure;
mod instance;
mod meta;
pub mod products;
pub mod upstream;
pub mod users;
mod wire;

pub use connector::{AddressError, Connector, ConnectorError};
pub use upstream::Upstream;

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::Request;
use tonic::server::NamedService;
use tower::{Service, ServiceExt as _};

/// What the protobuf documents say.
#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; the documents in proto/ are where it is explained"
)]
mod proto {
    pub(super) mod failure {
        tonic::include_proto!("tradepost.failure.v1");
    }
    pub(super) mod products {
        tonic::include_proto!("tradepost.products.v1");
    }
    pub(super) mod users {
        tonic::include_proto!("tradepost.users.v1");
    }
    pub(super) mod event_log {
        tonic::include_proto!("tradepost.event_log.v1");
    }
}

/// A service as a part of the internal listener's router.
fn router<S>(service: S) -> Router
where
    S: Service<Request<tonic::body::Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    let path = format!("/{}/{{*method}}", S::NAME);
    Router::new()
        .route_service(&path, service.map_request(|request: Request<Body>| request.map(tonic::body::Body::new)))
}
