//! Sends deliveries of a time again.

use chrono::{DateTime, Utc};
use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use crate::Webhooks;
use crate::domain::delivery::Status;
use crate::error::Error;
use crate::store;

/// Which deliveries.
pub struct RedeliverRange {
    /// Of this endpoint.
    pub endpoint_id: Uuid,
    /// Made from then on.
    pub from: DateTime<Utc>,
    /// Made before.
    pub until: DateTime<Utc>,
    /// With this status; without it both that were delivered and that failed.
    pub status: Option<Status>,
}

/// Makes deliveries of a time due that are done, each object's in order; tells how many those are.
/// Errors: [`Error::EndpointNotFound`], [`Error::RangeTooLarge`].
pub async fn redeliver_range(webhooks: &Webhooks, context: &Context, command: RedeliverRange) -> Result<u64, Error> {
    let RedeliverRange { endpoint_id, from, until, status } = command;
    let status = status.map(Status::as_str);
    let compared = (endpoint_id, from, until, status);
    let mut first = match webhooks.idempotency.begin::<u64>(context, "redeliver_webhooks", &compared).await? {
        Once::Replay(count) => return Ok(count),
        Once::First(first) => first,
    };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    store::endpoints::lock(conn, endpoint_id, now).await?.ok_or(Error::EndpointNotFound)?;
    let done = [Status::Delivered.as_str(), Status::Failed.as_str()];
    let statuses = status.map_or(done.to_vec(), |status| vec![status]);
    let parked = store::deliveries::park_range(conn, endpoint_id, (from, until), &statuses, now).await?;
    let count = parked.ok_or(Error::RangeTooLarge)?;
    store::lanes::settle(conn, endpoint_id, None, now).await?;
    first.finish(&count).await?;
    Ok(count)
}
