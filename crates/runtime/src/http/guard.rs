//! The layer around each operation: who calls, whether they may, and whether the body is one that the operation takes.
//!
//! The edge makes the same check of the token; a role checks again, so that reaching a role past the edge gains nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use crypto::TokenVerifier;
use http::{HeaderMap, StatusCode, header};
use http_body_util::Limited;
use kernel::{Actor, Context, ErrorKind, Failure, IdempotencyKey, Scopes};
use metrics::{Counter, counter};
use tracing::Instrument;

use super::entry;
use super::extract::too_large;
use super::reply::ApiError;
use super::route::{Access, Body, Route};
use crate::telemetry::Latency;

/// What the layer needs.
pub struct Guard {
    verifier: TokenVerifier,
    route: Arc<Route>,
    latency: Latency,
    /// By the first digit of the status.
    answers: [Counter; 5],
}

impl Guard {
    /// The guard of the operation `route`.
    pub fn new(verifier: TokenVerifier, route: Arc<Route>) -> Self {
        let role = route.role.as_str();
        let labels = [("role", role.to_owned()), ("operation", route.operation.clone())];
        let latency = Latency::new("operation", &labels);
        let answers = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
            counter!("operation_requests_total", "role" => role, "operation" => route.operation.clone(), "status" => class)
        });
        Self { verifier, route, latency, answers }
    }

    fn count(&self, status: StatusCode, took: Duration) {
        self.latency.record(took);
        if let Some(answers) = self.answers.get(usize::from(status.as_u16() / 100).wrapping_sub(1)) {
            answers.increment(1);
        }
    }
}

/// The layer.
pub async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = &guard.route;
    let span = tracing::info_span!("operation", otel.name = %route.operation, request_id = %entry::current().id);
    let deadline = deadline(route);
    let response = match admit(&guard, deadline, request) {
        Err(failure) => ApiError(failure).into_response(),
        Ok(request) => match tokio::time::timeout_at(deadline.into(), next.run(request)).instrument(span).await {
            Ok(response) => response,
            Err(_) => {
                let message = "The request took longer than it may";
                ApiError(Failure::new(ErrorKind::Timeout, "DEADLINE_EXCEEDED", message).retry_after(1)).into_response()
            }
        },
    };
    guard.count(response.status(), started.elapsed());
    response
}

/// When the operation must have answered: what it may take, or sooner where whoever passed the request on waits no longer.
fn deadline(route: &Route) -> Instant {
    let meta = entry::current();
    let own = meta.arrived + route.deadline;
    meta.deadline.map_or(own, |callers| callers.min(own))
}

/// Puts the caller's context into the request and the limit on its body, or says why not.
fn admit(guard: &Guard, deadline: Instant, request: Request) -> Result<Request, Failure> {
    let route = &guard.route;
    let actor = identify(&guard.verifier, route.access, request.headers())?;
    check_body(route.body, request.headers())?;
    let idempotency_key = idempotency_key(route, request.headers())?;
    let context = Context { actor, request_id: entry::current().id, deadline, idempotency_key };
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(context);
    let limit = match route.body {
        Body::None => 0,
        Body::Json { limit_bytes } | Body::Stream { limit_bytes, .. } => limit_bytes,
    };
    Ok(Request::from_parts(parts, axum::body::Body::new(Limited::new(body, limit))))
}

/// Who calls, if `access` lets them.
///
/// Failures: 401 `TOKEN_MISSING`, `INVALID_TOKEN`, `TOKEN_EXPIRED`; 403 `SCOPE_MISSING`.
pub fn identify(verifier: &TokenVerifier, access: Access, headers: &HeaderMap) -> Result<Actor, Failure> {
    if access == Access::Public {
        return Ok(Actor::Anonymous);
    }
    let actor = match headers.get(header::AUTHORIZATION) {
        None => Actor::Anonymous,
        Some(value) => {
            let token = value.to_str().ok().and_then(bearer).ok_or_else(|| {
                Failure::new(ErrorKind::Unauthenticated, "INVALID_TOKEN", "Authorization takes `Bearer <access token>`")
            })?;
            let token = verifier.verify(token)?;
            Actor::User { id: token.user_id, session: token.session, scopes: token.scopes }
        }
    };
    let scopes = match &actor {
        Actor::User { scopes, .. } => *scopes,
        Actor::Anonymous | Actor::System(_) => Scopes::default(),
    };
    match (access, &actor) {
        _ if access.allows(scopes) => Ok(actor),
        (_, Actor::Anonymous) => {
            Err(Failure::new(ErrorKind::Unauthenticated, "TOKEN_MISSING", "This operation needs an access token"))
        }
        _ => Err(Failure::new(ErrorKind::Forbidden, "SCOPE_MISSING", "The access token does not allow this operation")),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Content type and declared length. What has no declared length is cut off at the limit when it is read.
pub fn check_body(body: Body, headers: &HeaderMap) -> Result<(), Failure> {
    let (limit, types): (usize, &[&str]) = match body {
        Body::None => return Ok(()),
        Body::Json { limit_bytes } => (limit_bytes, &["application/json"]),
        Body::Stream { limit_bytes, content_types } => (limit_bytes, content_types),
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !types.iter().any(|t| t.eq_ignore_ascii_case(essence)) {
        let message = format!("Content-Type must be {}", types.join(" or "));
        return Err(Failure::new(ErrorKind::UnsupportedMedia, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    Ok(())
}

fn idempotency_key(route: &Route, headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Failure> {
    if route.method.is_safe() {
        return Ok(None);
    }
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    IdempotencyKey::parse(value.to_str().unwrap_or_default()).map(Some)
}
