//! The outermost layer of every listener: gives the request its id and makes every failure, a panic too, look alike.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, StatusCode, header};
use kernel::{ErrorKind, Failure};
use uuid::Uuid;

use super::reply::ApiError;

/// The header that tells the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static REQUEST: RequestMeta;
}

/// What every part of a request's handling can know of it.
#[derive(Clone, Debug)]
pub struct RequestMeta {
    /// The request's id: ours, never the client's, so that it is unique in the logs.
    pub id: Arc<str>,
    /// When the request arrived.
    pub arrived: Instant,
    /// When the role that passed the request on stops waiting; none at the edge.
    pub deadline: Option<Instant>,
}

impl RequestMeta {
    /// Of a request that arrives now, from whoever.
    fn new(id: Arc<str>) -> Self {
        Self { id, arrived: Instant::now(), deadline: None }
    }
}

/// The current request, inside [`enter`]; elsewhere one with an empty id.
pub fn current() -> RequestMeta {
    REQUEST.try_with(Clone::clone).unwrap_or_else(|_| RequestMeta::new("".into()))
}

/// The layer.
pub async fn enter(request: Request, next: Next) -> Response {
    within(RequestMeta::new(new_id()), next.run(request)).await
}

/// Makes the answer of the request that `meta` tells of.
pub(crate) async fn within(meta: RequestMeta, answer: impl Future<Output = Response>) -> Response {
    let id = Arc::clone(&meta.id);
    let respond = async move {
        match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(response) => with_failure_body(response),
            Err(_) => {
                // The panic's own message went to stderr when it happened; it may quote personal data, so not to the log.
                tracing::error!(request_id = %current().id, "a request panicked");
                ApiError(Failure::internal()).into_response()
            }
        }
    };
    let mut response = REQUEST.scope(meta, respond).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A UUIDv7 whose random part comes from this thread's generator: an id of a request need not count on from the last one,
/// and the lock that sees to that for [`kernel::id::new_id`] would be the one thing that all requests wait for.
pub(crate) fn new_id() -> Arc<str> {
    let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let millis = u64::try_from(millis).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
    let mut text = Uuid::encode_buffer();
    Arc::from(&*id.hyphenated().encode_lower(&mut text))
}

/// Answers that the router makes itself (unknown path, wrong method) come without a body in our form: they get one.
fn with_failure_body(response: Response) -> Response {
    let ours = response.headers().contains_key(header::CONTENT_TYPE);
    let failure = match response.status() {
        _ if ours => return response,
        StatusCode::NOT_FOUND => Failure::new(ErrorKind::NotFound, "ROUTE_NOT_FOUND", "There is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => Failure::new(
            ErrorKind::MethodNotAllowed,
            "METHOD_NOT_ALLOWED",
            "This path does not take this method; see Allow",
        ),
        _ => return response,
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut rendered = ApiError::from(failure).into_response();
    if let Some(allow) = allow {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered
}
