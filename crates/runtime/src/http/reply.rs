//! The two forms of an answer: `{"data", "meta"}` and `{"error", "code", "request_id", "details"}`.

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kernel::{Cursor, ErrorKind, Failure, FieldError};
use serde::Serialize;
use utoipa::ToSchema;

use super::entry;

/// Most characters of a failure's sentence.
const MAX_MESSAGE: usize = 1024;
/// Most characters of a field's path.
const MAX_FIELD: usize = 256;

/// A successful answer.
#[derive(Debug)]
pub struct Reply<T> {
    status: StatusCode,
    data: Option<T>,
    page: Option<PageMeta>,
    headers: Vec<(HeaderName, String)>,
}

/// The body of a successful answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Data<T> {
    /// What was asked for.
    pub data: T,
    /// About the answer.
    pub meta: Meta,
}

/// About an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meta {
    /// When the answer was made.
    pub timestamp: DateTime<Utc>,
    /// The request's id, as in `x-request-id`.
    #[schema(max_length = 64, pattern = "^[0-9a-f-]*$")]
    pub request_id: String,
    /// Where the list goes on; only with lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<PageMeta>,
}

/// Where a list goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageMeta {
    /// Send it as `cursor` for the next page; null on the last.
    #[schema(max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    pub next_cursor: Option<String>,
}

/// The body of a failure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureBody {
    /// A sentence for the developer.
    #[schema(max_length = 1024)]
    pub error: String,
    /// Stable code; see the error-code page.
    #[schema(max_length = 64, pattern = "^[A-Z0-9_]+$")]
    pub code: String,
    /// The request's id, as in `x-request-id`.
    #[schema(max_length = 64, pattern = "^[0-9a-f-]*$")]
    pub request_id: String,
    /// The fields concerned.
    #[schema(max_items = 1000)]
    pub details: Vec<Detail>,
}

/// One field that was not acceptable.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detail {
    /// Path of the field in the request.
    #[schema(max_length = 256)]
    pub field: String,
    /// Stable code.
    #[schema(max_length = 64, pattern = "^[A-Z0-9_]+$")]
    pub code: String,
    /// A sentence for the developer.
    #[schema(max_length = 1024)]
    pub message: String,
}

/// A failed answer. Every error that can become a [`Failure`] becomes one with `?`.
#[derive(Clone, Debug)]
pub struct ApiError(pub Failure);

impl<E: Into<Failure>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<T> Reply<T> {
    fn new(status: StatusCode, data: Option<T>) -> Self {
        Self { status, data, page: None, headers: Vec::new() }
    }

    /// 200 with `data`.
    pub fn ok(data: T) -> Self {
        Self::new(StatusCode::OK, Some(data))
    }

    /// 201 with `data` and where it is now.
    pub fn created(data: T, location: impl Into<String>) -> Self {
        let mut reply = Self::new(StatusCode::CREATED, Some(data));
        reply.headers.push((header::LOCATION, location.into()));
        reply
    }

    /// 202: taken, not yet done; `location` tells how it goes.
    pub fn accepted(data: T, location: impl Into<String>) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::created(data, location) }
    }

    /// Adds where the list goes on.
    #[must_use]
    pub fn page(mut self, next: Option<Cursor>) -> Self {
        self.page = Some(PageMeta { next_cursor: next.map(String::from) });
        self
    }

    /// Adds the object's version as its `ETag`.
    #[must_use]
    pub fn etag(mut self, version: i64) -> Self {
        self.headers.push((header::ETAG, format!("\"{version}\"")));
        self
    }
}

impl Reply<()> {
    /// 204.
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None)
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let mut response = match self.data {
            None => self.status.into_response(),
            Some(data) => {
                let meta = Meta { timestamp: Utc::now(), request_id: entry::current().id.to_string(), page: self.page };
                json(self.status, &Data { data, meta })
            }
        };
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Failure { kind, code, message, details, retry_after } = self.0;
        let body = FailureBody {
            error: cut(message.into_owned(), MAX_MESSAGE),
            code: code.into_owned(),
            request_id: entry::current().id.to_string(),
            details: details.into_iter().map(Detail::from).collect(),
        };
        let mut response = json(status(kind), &body);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if kind == ErrorKind::Unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<FieldError> for Detail {
    fn from(FieldError { field, code, message }: FieldError) -> Self {
        Self { field: cut(field, MAX_FIELD), code: code.into_owned(), message: cut(message, MAX_MESSAGE) }
    }
}

/// The first `max` characters: a name that the caller made up may be of any length.
fn cut(mut text: String, max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
    }
    text
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be serialised");
            let body =
                r#"{"error":"Something went wrong on our side","code":"INTERNAL_ERROR","request_id":"","details":[]}"#;
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
    }
}

/// The one table from kind to HTTP status.
pub fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Malformed => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Precondition => StatusCode::PRECONDITION_FAILED,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}
