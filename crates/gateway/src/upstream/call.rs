//! A request on its way to a role: what is sent, for how long, and whether it may be sent twice.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body as AnyBody;
use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Frame, SizeHint};
use kernel::{ErrorKind, Failure};
use runtime::http::extract::body_failure;
use runtime::http::guard::check_body;
use runtime::http::{Body, Rate, Route, entry};
use runtime::internal;

use super::headers;
use super::instance::Instance;
use super::pool::Lane;

/// A longer body is passed on as it comes, and so can't be sent twice.
const HELD_BYTES: usize = 64 * 1024;

/// A request on its way to a role.
pub struct Call {
    method: Method,
    path: PathAndQuery,
    headers: HeaderMap,
    payload: Payload,
    /// Which connections it takes.
    pub lane: Lane,
    /// When its time is over.
    pub deadline: Instant,
    /// It only reads.
    pub safe: bool,
    keyed: bool,
}

/// The body.
enum Payload {
    /// Held, so it can be sent again.
    Whole(Bytes),
    /// Passed on as it comes. It can be sent once.
    Stream { body: Option<AnyBody>, fault: Arc<OnceLock<Failure>> },
}

impl Call {
    /// Reads what must be known of a request before it is sent. Failures are the client's: a body that is too large, of the
    /// wrong type, or that stops.
    pub async fn read(route: &Route, request: Request<AnyBody>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let Parts { method, uri, mut headers, .. } = parts;
        let arrived = entry::current().arrived;
        let deadline = arrived + route.deadline;
        check_body(route.body, &headers)?;
        let payload = payload(route, &headers, body, deadline).await?;
        let reads = match &payload {
            Payload::Whole(body) => route.graphql && super::graphql::only_reads(body),
            Payload::Stream { .. } => false,
        };
        let bulk = matches!(route.body, Body::Stream { .. }) || route.rate == Rate::Bulk;
        headers::of_request(&mut headers);
        Ok(Self {
            safe: method.is_safe() || reads,
            keyed: headers.contains_key("idempotency-key"),
            path: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            lane: if bulk { Lane::Bulk } else { Lane::Usual },
            method,
            headers,
            payload,
            deadline,
        })
    }

    /// Whether it may be sent again though the first one may have been done.
    pub fn repeatable(&self) -> bool {
        (self.safe || self.keyed) && matches!(self.payload, Payload::Whole(_))
    }

    /// The request for `instance`, which has until `until`. None if its body is gone already.
    pub fn request(&mut self, instance: &Instance, until: Instant) -> Option<Request<AnyBody>> {
        let body = match &mut self.payload {
            Payload::Whole(bytes) => AnyBody::from(bytes.clone()),
            Payload::Stream { body, .. } => body.take()?,
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri(instance)?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(internal::DEADLINE, headers::left(until));
        Some(request)
    }

    /// Takes back what was not sent.
    pub fn take_back(&mut self, request: Request<AnyBody>) {
        if let Payload::Stream { body, .. } = &mut self.payload {
            *body = Some(request.into_body());
        }
    }

    /// What was wrong with the body that the client sent, if that was why the request failed.
    pub fn clients_fault(&self) -> Option<Failure> {
        match &self.payload {
            Payload::Stream { fault, .. } => fault.get().cloned(),
            Payload::Whole(_) => None,
        }
    }

    /// What the answer depends on, if it may be given to anybody: path, query, body, and the media types that the client
    /// takes. None for a request of somebody.
    pub fn anonymous_key(&self) -> Option<Bytes> {
        let Payload::Whole(body) = &self.payload else { return None };
        if !self.safe || self.headers.contains_key(header::AUTHORIZATION) {
            return None;
        }
        let mut key = Vec::with_capacity(self.path.as_str().len() + body.len() + 64);
        key.extend_from_slice(self.path.as_str().as_bytes());
        for accepted in self.headers.get_all(header::ACCEPT) {
            key.push(b'\n');
            key.extend_from_slice(accepted.as_bytes());
        }
        // No header's value has such a byte.
        key.push(0);
        key.extend_from_slice(body);
        Some(key.into())
    }

    fn uri(&self, instance: &Instance) -> Option<Uri> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(instance.scheme.clone());
        parts.authority = Some(instance.authority.clone());
        parts.path_and_query = Some(self.path.clone());
        Uri::from_parts(parts).ok()
    }
}

/// Holds a small body and passes a large one on.
async fn payload(route: &Route, headers: &HeaderMap, body: AnyBody, deadline: Instant) -> Result<Payload, Failure> {
    let limit = match route.body {
        // Nobody reads it.
        Body::None => return Ok(Payload::Whole(Bytes::new())),
        Body::Json { limit_bytes } | Body::Stream { limit_bytes, .. } => limit_bytes,
    };
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = AnyBody::new(Limited::new(body, limit));
    if limit > HELD_BYTES && declared.is_none_or(|length: usize| length > HELD_BYTES) {
        let fault = Arc::new(OnceLock::new());
        let body = Some(AnyBody::new(Upload { body, fault: Arc::clone(&fault) }));
        return Ok(Payload::Stream { body, fault });
    }
    match tokio::time::timeout_at(deadline.into(), body.collect()).await {
        Ok(Ok(body)) => Ok(Payload::Whole(body.to_bytes())),
        Ok(Err(error)) => Err(body_failure(&error)),
        Err(_) => Err(late()),
    }
}

/// 504 `DEADLINE_EXCEEDED`.
pub fn late() -> Failure {
    Failure::new(ErrorKind::Timeout, "DEADLINE_EXCEEDED", "The request took longer than it may").retry_after(1)
}

/// A body on its way. It remembers what went wrong on the client's side, which is no fault of the role.
struct Upload {
    body: AnyBody,
    fault: Arc<OnceLock<Failure>>,
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        polled.map_err(|error| {
            let _ = self.fault.set(body_failure(&error));
            error.into()
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
