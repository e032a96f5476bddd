//! The layers around everything that the edge serves: security headers, CORS, refusal of absurd requests.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use kernel::{ErrorKind, Failure};
use runtime::http::ApiError;
use runtime::http::entry::REQUEST_ID;
use tower_http::cors::CorsLayer;

use crate::config::{CorsConfig, Origin};
use crate::limits;

/// Longest path with query. Cursors and filters need some hundred bytes.
const MAX_URI_BYTES: usize = 4096;
/// Most header lines.
const MAX_HEADERS: usize = 64;

/// On every answer, unless the answer says otherwise. An answer of the API is data: nothing in it is ever run or framed,
/// and no cache keeps it.
const HEADERS: [(HeaderName, HeaderValue); 13] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("origin-agent-cluster"), HeaderValue::from_static("?1")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_DNS_PREFETCH_CONTROL, HeaderValue::from_static("off")),
    (HeaderName::from_static("x-download-options"), HeaderValue::from_static("noopen")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), HeaderValue::from_static("none")),
    // The filter of old browsers did more harm than good.
    (header::X_XSS_PROTECTION, HeaderValue::from_static("0")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The layer that adds the security headers.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len());
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    response
}

/// Refuses what no client of ours sends: a URI or a list of headers without end.
pub async fn refuse_absurd(request: Request, next: Next) -> Response {
    let uri_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let refusal = if uri_bytes > MAX_URI_BYTES {
        (StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "The URI is longer than any of this API")
    } else if request.headers().len() > MAX_HEADERS {
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "TOO_MANY_HEADERS", "The request has too many headers")
    } else {
        return next.run(request).await;
    };
    let (status, code, message) = refusal;
    let mut response = ApiError(Failure::new(ErrorKind::Malformed, code, message)).into_response();
    *response.status_mut() = status;
    response
}

/// The layer that lets pages of the configured origins call the API. No cookie is ever used, so none is allowed.
pub fn cors(config: &CorsConfig) -> tower::util::Either<CorsLayer, tower::layer::util::Identity> {
    if config.allowed_origins.is_empty() {
        return tower::util::option_layer(None);
    }
    let idempotency_key = HeaderName::from_static("idempotency-key");
    let traceparent = HeaderName::from_static("traceparent");
    let layer = CorsLayer::new()
        .allow_origin(config.allowed_origins.iter().map(Origin::header).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH, idempotency_key, traceparent])
        .expose_headers([
            header::AGE,
            HeaderName::from_static("cache-status"),
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            limits::LIMIT,
            limits::REMAINING,
            limits::RESET,
            REQUEST_ID,
        ])
        .max_age(Duration::from_secs(config.max_age_seconds.into()));
    tower::util::option_layer(Some(layer))
}
