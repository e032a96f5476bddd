//! The layer in front of every operation: trace, load shedding, rate limits, token, access log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use crypto::TokenVerifier;
use http::{HeaderMap, Method};
use kernel::{Actor, ErrorKind, Failure};
use metrics::{Counter, Gauge, counter, gauge};
use runtime::http::guard::identify;
use runtime::http::{ApiError, Role, Route, entry};
use runtime::limits::Decision;
use runtime::telemetry::trace;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};

use crate::client::Proxies;
use crate::config::GatewayConfig;
use crate::limits::{self, Limits};

/// What the layer needs.
pub struct Admission {
    /// By path, then by method: what the router has matched already is only looked up.
    table: HashMap<String, HashMap<Method, Arc<Route>>>,
    verifier: TokenVerifier,
    limits: Arc<Limits>,
    proxies: Proxies,
    free: Semaphore,
    max_in_flight: usize,
    slow: Duration,
    shed: Counter,
    in_flight: Gauge,
}

impl Admission {
    /// The layer's state for the operations in `routes`.
    pub fn new(config: &GatewayConfig, routes: &[Arc<Route>], verifier: TokenVerifier, limits: Arc<Limits>) -> Self {
        let mut table: HashMap<String, HashMap<Method, Arc<Route>>> = HashMap::new();
        for route in routes {
            table.entry(route.path.clone()).or_default().insert(route.method.clone(), Arc::clone(route));
        }
        gauge!("gateway_max_in_flight").set(u32::try_from(config.max_in_flight).unwrap_or(u32::MAX));
        Self {
            table,
            verifier,
            limits,
            proxies: Proxies::new(config.trusted_proxies.clone(), config.proxy_header),
            free: Semaphore::new(config.max_in_flight),
            max_in_flight: config.max_in_flight,
            slow: Duration::from_millis(config.slow_request_ms),
            shed: counter!("gateway_shed_total"),
            in_flight: gauge!("gateway_in_flight"),
        }
    }

    fn route(&self, request: &Request) -> Option<&Arc<Route>> {
        let path = request.extensions().get::<MatchedPath>()?;
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.table.get(path.as_str())?.get(method)
    }

    /// Lets the request pass, or says why not; and what to tell the client of its limit. A request with a bad token counts
    /// against its address, and hears of that limit first.
    async fn check(
        &self,
        route: &Route,
        address: IpAddr,
        headers: &HeaderMap,
    ) -> (Result<(), Failure>, Option<Decision>) {
        let rate = route.rate;
        let ([by_address, by_session], identified) = if self.limits.are_shared() {
            // One question to Redis for both limits. For that, the token is looked at first.
            let identified = identify(&self.verifier, route.access, headers);
            let decisions = match identified {
                Ok(Actor::User { session, .. }) => self.limits.check_both(rate, address, session).await,
                _ => [self.limits.check_address(rate, address).await, None],
            };
            (decisions, identified)
        } else {
            // Counting costs less than looking at a token: who makes too many requests gets no further.
            let by_address = self.limits.check_address(rate, address).await;
            if let Err(refused) = limits::allow(by_address) {
                return (Err(refused), by_address);
            }
            let identified = identify(&self.verifier, route.access, headers);
            let by_session = match identified {
                Ok(Actor::User { session, .. }) => self.limits.check_session(rate, session).await,
                _ => None,
            };
            ([by_address, by_session], identified)
        };
        let allowed = limits::allow(by_address).and_then(|()| limits::allow(by_session));
        (allowed.and(identified.map(drop)), limits::tighter(by_address, by_session))
    }

    async fn respond(&self, route: &Route, request: Request, next: Next) -> Response {
        // Whether the process lives must be seen when it is overloaded too.
        let permit = if route.role == Role::Gateway { None } else { Some(self.free.try_acquire()) };
        if let Some(Err(_)) = permit {
            self.shed.increment(1);
            let message = "The server has as much to do as it can; try again";
            return ApiError(Failure::new(ErrorKind::Unavailable, "OVERLOADED", message).retry_after(1))
                .into_response();
        }
        let (checked, limit) = self.check(route, self.proxies.client(&request), request.headers()).await;
        let mut response = match checked {
            Ok(()) => next.run(request).await,
            Err(refused) => ApiError(refused).into_response(),
        };
        if let Some(limit) = limit {
            limits::tell(&limit, &mut response);
        }
        response
    }

    /// One line for what an operator must see; the rest at debug level. Nothing that the client sent is in it.
    fn log(&self, route: &Route, status: u16, took: Duration) {
        let (operation, ms) = (&route.operation, took.as_millis());
        if status >= 500 {
            tracing::error!(operation, status, ms, request_id = %entry::current().id, "request failed");
        } else if took >= self.slow {
            tracing::warn!(operation, status, ms, request_id = %entry::current().id, "slow request");
        } else {
            tracing::debug!(operation, status, ms, request_id = %entry::current().id, "request");
        }
    }
}

/// The layer.
pub async fn admit(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    // The path is known, the method is not: the router says so. No handler stands outside of the table.
    let Some(route) = admission.route(&request).cloned() else { return next.run(request).await };
    let span = server_span(&route, &request);
    let response = admission.respond(&route, request, next).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    admission.log(&route, status, started.elapsed());
    let in_flight = admission.max_in_flight - admission.free.available_permits();
    admission.in_flight.set(u32::try_from(in_flight).unwrap_or(u32::MAX));
    response
}

/// The request's span in the names that OpenTelemetry gives to HTTP servers. It goes to the collector alone (logs carry
/// the operation's own span), so it costs nothing while there is none.
fn server_span(route: &Route, request: &Request) -> Span {
    let span = tracing::info_span!(
        target: "gateway::request",
        "request",
        otel.name = format_args!("{} {}", route.method, route.path),
        otel.kind = "server",
        http.request.method = %route.method,
        http.route = %route.path,
        http.response.status_code = tracing::field::Empty,
        request_id = %entry::current().id,
    );
    if !span.is_disabled()
        && let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok())
    {
        trace::follow(&span, parent);
    }
    span
}
