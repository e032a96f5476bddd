//! What the adapters of all contracts share: the way of an answer, and ids, times and currencies on the wire.

use chrono::{DateTime, Utc};
use kernel::{Context, Currency, Failure};
use prost_types::Timestamp;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{failure, meta};
use crate::within_deadline;

/// Answers a call with what `work` gives, within the time that the caller waits: whatever runs then is given up.
pub(super) async fn answer<M, A>(
    request: Request<M>,
    work: impl AsyncFnOnce(Context, M) -> Result<A, Failure>,
) -> Result<Response<A>, Status> {
    let context = meta::context(request.metadata());
    let answer = within_deadline(&context, work(context.clone(), request.into_inner())).await;
    answer.map(Response::new).map_err(failure::into_status)
}

pub(super) fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

pub(super) fn ids(field: &str, texts: &[String]) -> Result<Vec<Uuid>, Failure> {
    texts.iter().map(|text| id(field, text)).collect()
}

pub(super) fn id(field: &str, text: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_| unreadable(field))
}

pub(super) fn currency(text: &str) -> Result<Currency, Failure> {
    text.parse().map_err(|_| unreadable("currency"))
}

pub(super) fn timestamp(time: DateTime<Utc>) -> Timestamp {
    // Below a second there are fewer nanoseconds than i32 holds.
    Timestamp { seconds: time.timestamp(), nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default() }
}

pub(super) fn time(field: &str, timestamp: Option<Timestamp>) -> Result<DateTime<Utc>, Failure> {
    let time = timestamp.and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?));
    time.ok_or_else(|| unreadable(field))
}

/// A message of a peer that can't be read: it is not a release that this one can talk to.
pub(super) fn unreadable(field: &str) -> Failure {
    tracing::error!(field, "a message between roles could not be read");
    Failure::internal()
}
