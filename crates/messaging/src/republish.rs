//! Publishes events of the log once more, for consumers that missed them.

use chrono::{TimeDelta, Utc};
use pg::Db;
use thiserror::Error;

use crate::ground::INBOX_KEPT;
use crate::log;
use crate::transport::{Transport, TransportError};

/// Events that are published at once.
const BATCH: u32 = 1_000;
/// A consumer must still remember an event for this long when it comes again.
const MARGIN: TimeDelta = TimeDelta::days(1);

/// Why events could not be published again.
#[derive(Debug, Error)]
pub enum RepublishError {
    /// Consumers have forgotten that they handled it, so it would have its effect twice.
    #[error("event {0} is too old: consumers remember what they handled for 30 days")]
    TooOld(i64),
    /// The transport does not take them.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(#[from] sqlx::Error),
}

/// Publishes the events after `after` up to `to` again, in order. Gives how many. Consumers know what they have handled, so
/// only what they missed has an effect.
pub async fn republish(db: &Db, transport: &dyn Transport, after: i64, to: i64) -> Result<u64, RepublishError> {
    let (mut last, mut count) = (after, 0);
    loop {
        let mut batch = log::published_after(db, last, BATCH).await?;
        batch.retain(|event| event.sequence.is_some_and(|sequence| sequence <= to));
        let (Some(oldest), Some(newest)) = (batch.first(), batch.last().and_then(|event| event.sequence)) else {
            return Ok(count);
        };
        if Utc::now() - oldest.occurred_at > INBOX_KEPT - MARGIN {
            return Err(RepublishError::TooOld(oldest.sequence.unwrap_or(last)));
        }
        transport.publish(&batch).await?;
        count += batch.len() as u64;
        last = newest;
    }
}
