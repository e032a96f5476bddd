//! The outermost layer of the internal listener: who isn't a role of this shop gets nothing, and what a role passes on (the
//! request's id, its trace, how long the caller waits) is taken from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use crypto::{InternalVerifier, TokenError};
use http::HeaderMap;
use kernel::{ErrorKind, Failure};
use metrics::counter;
use tracing::Instrument;

use super::{DEADLINE, TOKEN};
use crate::http::ApiError;
use crate::http::entry::{REQUEST_ID, RequestMeta, new_id, within};
use crate::telemetry::trace;

/// What anyone may ask: whether the process lives and can serve.
const OPEN: [&str; 2] = ["/health", "/ready"];
/// Longest request id that is taken over.
const MAX_ID_LEN: usize = 64;
/// Longest that a request may take, whatever the caller says.
const MAX_DEADLINE: Duration = Duration::from_hours(24);

/// The name of the role that calls, in the extensions of a request on the internal listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub Arc<str>);

/// What the layer needs.
#[derive(Clone, Debug)]
pub struct Peers(InternalVerifier);

impl Peers {
    /// The layer's state: who counts as a peer.
    pub fn new(verifier: InternalVerifier) -> Self {
        Self(verifier)
    }

    /// The role that calls.
    fn identify(&self, headers: &HeaderMap) -> Result<Caller, &'static str> {
        let token = headers.get(TOKEN).and_then(|value| value.to_str().ok()).ok_or("no token")?;
        let role = self.0.verify(token).map_err(|refusal| match refusal {
            TokenError::Expired => "expired",
            TokenError::NotYetValid => "not yet valid",
            _ => "forged",
        })?;
        Ok(Caller(role.into()))
    }
}

/// The layer, in the place of [`crate::http::entry::enter`].
pub async fn enter(State(peers): State<Peers>, mut request: Request, next: Next) -> Response {
    let caller = match peers.identify(request.headers()) {
        Ok(caller) => caller,
        Err(_) if OPEN.contains(&request.uri().path()) => return within(anonymous(), next.run(request)).await,
        Err(reason) => {
            counter!("internal_refused_total", "reason" => reason).increment(1);
            tracing::warn!(reason, "a call on the internal listener was refused");
            return within(anonymous(), async { refusal() }).await;
        }
    };
    let meta = passed_on(request.headers());
    let span = server_span(&request, &meta, &caller);
    request.headers_mut().remove(TOKEN);
    request.extensions_mut().insert(caller);
    within(meta, next.run(request)).instrument(span).await
}

fn anonymous() -> RequestMeta {
    RequestMeta { id: new_id(), arrived: Instant::now(), deadline: None }
}

/// One answer for every reason: which one it was helps only a forger.
fn refusal() -> Response {
    let message = "This address is for the roles of the shop alone";
    ApiError(Failure::new(ErrorKind::Unauthenticated, "INTERNAL_TOKEN_INVALID", message)).into_response()
}

/// What the caller says of the request.
fn passed_on(headers: &HeaderMap) -> RequestMeta {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let id = text(REQUEST_ID).filter(|id| (1..=MAX_ID_LEN).contains(&id.len())).map_or_else(new_id, Arc::from);
    let arrived = Instant::now();
    let left = text(DEADLINE).and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    RequestMeta { id, arrived, deadline: left.map(|left| arrived + left.min(MAX_DEADLINE)) }
}

/// The span of the request in this process, which continues the caller's.
fn server_span(request: &Request, meta: &RequestMeta, caller: &Caller) -> tracing::Span {
    let span = tracing::info_span!(
        target: "internal::request",
        "internal request",
        otel.name = format_args!("{} {}", request.method(), request.uri().path()),
        otel.kind = "server",
        caller = %caller.0,
        request_id = %meta.id,
    );
    if !span.is_disabled()
        && let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok())
    {
        trace::follow(&span, parent);
    }
    span
}
