//! Roles that run elsewhere. What stands in front of an operation (admission, limits, token, document) is the same as in
//! one process: only the role's router is another one, which passes requests on.
//!
//! | module | holds |
//! |---|---|
//! | `config` | where a role is, and how to treat it |
//! | `call` | a request on its way: what is sent, for how long, whether it may be sent twice |
//! | `graphql` | whether a GraphQL request only reads |
//! | `headers` | which headers pass from one side to the other |
//! | `tries` | one request, in one or several tries, under a budget |
//! | `members` | the instances of a role, and which of them gets a request |
//! | `instance` | how an instance does: ready, not ready, ejected, silent |
//! | `checks` | asks each instance whether it is ready; looks names up |
//! | `pool` | HTTP/2 connections to an instance |
//! | `download` | an answer's body on its way to the client |
//! | `remembered` | answers of the catalog for the time when products cannot answer |
//! | `figures` | what is counted |
//!
//! The way of a request: the breaker (open: 503 at once), then up to three tries, each with an instance (of two at random
//! the one with less to do) and a connection to it. Where products gives no answer, a remembered one is given instead.

mod call;
mod checks;
mod config;
mod download;
mod figures;
mod graphql;
mod headers;
mod instance;
mod members;
mod pool;
mod remembered;
mod tries;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as AnyBody;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use crypto::InternalSigner;
use http::{Request, StatusCode};
use kernel::Failure;
use metrics::gauge;
use runtime::Tasks;
use runtime::http::{ApiError, Role, RoleApi, Route};
use tokio_rustls::rustls::ClientConfig;
use tower::{Service as _, ServiceExt as _};
use tower_resilience_circuitbreaker::{CircuitBreaker, CircuitBreakerError, CircuitBreakerLayer, CircuitState};
use utoipa::openapi::OpenApi;

pub use config::{Address, UpstreamConfig};
pub use instance::State;

use call::Call;
use members::Members;
use remembered::Remembered;
use tries::{NoAnswer, Sender, Tries};

/// A role that runs elsewhere.
pub struct Upstream {
    role: Role,
    config: UpstreamConfig,
    tries: Arc<Tries>,
    breaker: CircuitBreaker<Sender, NoAnswer>,
    remembered: Option<Remembered>,
}

/// How this process shows itself to the roles, and whom it trusts.
#[derive(Clone)]
pub struct Credentials {
    /// Makes the internal token.
    pub signer: InternalSigner,
    /// For addresses with `https`.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Upstream {
    /// The role at `addresses`.
    pub fn new(role: Role, addresses: Vec<Address>, config: &UpstreamConfig, credentials: Credentials) -> Arc<Self> {
        let name = role.as_str();
        let members = Members::new(name, addresses, config.clone(), credentials.tls);
        let tries = Arc::new(Tries::new(role, members, config, credentials.signer));
        let breaker = breaker(name, config, &tries);
        let remembered = if role == Role::Products { Remembered::new(&config.remembered) } else { None };
        Arc::new(Self { role, config: config.clone(), tries, breaker, remembered })
    }

    /// The role's operations, passed on. Table and document come from the role's crate: they are the same everywhere.
    pub fn api(self: &Arc<Self>, table: Vec<Arc<Route>>, openapi: OpenApi) -> RoleApi {
        let mut router = Router::new();
        for route in &table {
            // Every method of the table has a filter.
            let Ok(method) = MethodFilter::try_from(route.method.clone()) else { continue };
            let (upstream, operation) = (Arc::clone(self), Arc::clone(route));
            let handler = move |request: Request<AnyBody>| {
                let (upstream, operation) = (Arc::clone(&upstream), Arc::clone(&operation));
                async move { upstream.pass_on(&operation, request).await }
            };
            router = router.route(&route.path, on(method, handler));
        }
        RoleApi { role: self.role, routes: table, router, openapi }
    }

    /// Starts to look after the instances.
    pub fn start(&self, tasks: &Tasks) {
        let stop = tasks.shutdown_token();
        let checks = checks::run(self.role.as_str(), Arc::clone(&self.tries), self.config.clone(), stop.clone());
        let every = Duration::from_secs(self.config.resolve_seconds);
        let resolve = checks::resolve(Arc::clone(&self.tries), every, stop);
        tasks.spawn("gateway.check_upstream", async {
            checks.await;
            Ok::<_, Infallible>(())
        });
        tasks.spawn("gateway.resolve_upstream", async {
            resolve.await;
            Ok::<_, Infallible>(())
        });
    }

    /// The role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether nothing is sent to it at the moment, because nobody answered.
    pub fn is_cut_off(&self) -> bool {
        self.breaker.is_open()
    }

    /// How each instance does.
    pub fn instances(&self) -> Vec<State> {
        self.tries.members.states()
    }

    async fn pass_on(&self, route: &Route, request: Request<AnyBody>) -> Response {
        let call = match Call::read(route, request).await {
            Ok(call) => call,
            Err(failure) => return ApiError(failure).into_response(),
        };
        let memory = self.remembered.as_ref().filter(|_| route.graphql);
        let Some((memory, key)) = memory.and_then(|memory| Some((memory, call.anonymous_key()?))) else {
            return self.send(call).await.unwrap_or_else(|failure| ApiError(failure).into_response());
        };
        let recall = |why: &str| {
            let response = memory.recall(&key, why)?;
            self.tries.figures.degraded.increment(1);
            Some(response)
        };
        let unavailable = || self.tries.unavailable();
        // Where nobody is known to answer, a reader need not wait to see it.
        if self.tries.members.all_silent()
            && let Some(response) = recall(&unavailable().code)
        {
            return response;
        }
        match self.send(call).await {
            Ok(response) if may_be_away(response.status()) => recall("SERVICE_UNAVAILABLE").unwrap_or(response),
            Ok(response) => match memory.keep(&key, response).await {
                Some(response) => response,
                None => recall(&unavailable().code).unwrap_or_else(|| ApiError(unavailable()).into_response()),
            },
            Err(failure) => recall(&failure.code).unwrap_or_else(|| ApiError(failure).into_response()),
        }
    }

    /// Sends `call` through the breaker.
    async fn send(&self, call: Call) -> Result<Response, Failure> {
        let mut breaker = self.breaker.clone();
        let sent = match breaker.ready().await {
            Ok(ready) => ready.call(call).await,
            Err(error) => Err(error),
        };
        sent.map_err(|error| {
            let failure = match error {
                CircuitBreakerError::OpenCircuit => self.tries.unavailable(),
                CircuitBreakerError::Inner(failure) => failure,
            };
            self.tries.figures.refused(&failure);
            failure
        })
    }
}

/// Answers by which a role says that it can't answer now.
fn may_be_away(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

fn breaker(name: &'static str, config: &UpstreamConfig, tries: &Arc<Tries>) -> CircuitBreaker<Sender, NoAnswer> {
    let open = gauge!("upstream_breaker_open", "upstream" => name);
    open.set(0.0);
    let layer = CircuitBreakerLayer::builder()
        .name(name)
        .consecutive_failures(config.breaker_failures.max(1))
        .wait_duration_in_open(Duration::from_millis(config.breaker_open_ms))
        .permitted_calls_in_half_open(1)
        .failure_classifier_type(NoAnswer)
        .on_state_transition(move |from, to| {
            open.set(if to == CircuitState::Closed { 0.0 } else { 1.0 });
            tracing::warn!(upstream = name, ?from, ?to, "the breaker of a role changed");
        })
        .build();
    let layer = layer.unwrap_or_else(|error| unreachable!("no rate and no window is set: {error}"));
    layer.layer_fn(Sender(Arc::clone(tries)))
}
