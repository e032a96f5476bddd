//! Answers of the catalog, kept for the time when products cannot answer.
//!
//! Only what may be given to anybody is kept: answers to anonymous queries which the role itself marked as one to keep, by an
//! entity tag. An answer without errors has one.

use std::time::{Duration, Instant};

use axum::body::Body as AnyBody;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Body as _;
use metrics::{Gauge, gauge};
use moka::sync::Cache;
use runtime::cache::CacheConfig;
use std::sync::Arc;

/// A larger answer is not kept.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;
/// An answer that was kept so recently is not kept again: on the usual way only a look into the table remains.
const FRESH: Duration = Duration::from_secs(5);
/// What an entry costs beside its key and value.
const OVERHEAD_BYTES: usize = 512;

/// The code by which a role says that it can't answer now, as it stands in a GraphQL answer.
const AWAY: &[u8] = b"\"SERVICE_UNAVAILABLE\"";

/// How a cache says that it answered, and why (RFC 9211).
const CACHE_STATUS: http::HeaderName = http::HeaderName::from_static("cache-status");

/// Kept answers by request.
pub struct Remembered {
    answers: Cache<Bytes, Arc<Answer>>,
    bytes: Gauge,
}

struct Answer {
    headers: HeaderMap,
    body: Bytes,
    at: Instant,
}

impl Remembered {
    /// Nothing yet. None when the settings give it no room.
    pub fn new(config: &CacheConfig) -> Option<Self> {
        if config.max_bytes == 0 {
            return None;
        }
        let weigh = |key: &Bytes, answer: &Arc<Answer>| {
            u32::try_from(key.len() + answer.body.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        let answers = Cache::builder()
            .max_capacity(config.max_bytes)
            .time_to_live(Duration::from_secs(config.ttl_seconds))
            .weigher(weigh)
            .build();
        Some(Self { answers, bytes: gauge!("cache_bytes", "cache" => "gateway_remembered") })
    }

    /// Keeps the answer, if it is one to keep, and gives it back. None: it ended before it was complete, or it says that
    /// the role can't answer now where it could before.
    pub async fn keep(&self, key: &Bytes, response: Response) -> Option<Response> {
        let small = response.body().size_hint().upper().is_some_and(|bytes| bytes <= MAX_ANSWER_BYTES);
        if response.status() != StatusCode::OK || !small {
            return Some(response);
        }
        let known = self.answers.get(key).map(|answer| answer.at.elapsed());
        let marked = response.headers().contains_key(header::ETAG);
        if marked && known.is_some_and(|age| age < FRESH) || !marked && known.is_none() {
            return Some(response);
        }
        let (parts, body) = response.into_parts();
        let limit = usize::try_from(MAX_ANSWER_BYTES).unwrap_or(usize::MAX);
        let body = Limited::new(body, limit).collect().await.ok()?.to_bytes();
        if !marked {
            // GraphQL says what went wrong in an answer of 200.
            let away = body.windows(AWAY.len()).any(|window| window == AWAY);
            return (!away).then(|| Response::from_parts(parts, AnyBody::from(body)));
        }
        let answer = Answer { headers: parts.headers.clone(), body: body.clone(), at: Instant::now() };
        self.answers.insert(key.clone(), Arc::new(answer));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        self.bytes.set(self.answers.weighted_size() as f64);
        Some(Response::from_parts(parts, AnyBody::from(body)))
    }

    /// The last good answer, marked as such; `why` is the code that the client would have got.
    pub fn recall(&self, key: &Bytes, why: &str) -> Option<Response> {
        let answer = self.answers.get(key)?;
        let mut response = Response::new(AnyBody::from(answer.body.clone()));
        *response.headers_mut() = answer.headers.clone();
        let headers = response.headers_mut();
        headers.insert(header::AGE, HeaderValue::from(answer.at.elapsed().as_secs()));
        if let Ok(status) = HeaderValue::try_from(format!("tradepost; fwd=stale; detail={why}")) {
            headers.insert(CACHE_STATUS, status);
        }
        Some(response)
    }
}
