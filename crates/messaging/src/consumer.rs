//! Handles each event exactly once in effect: the change, and the row that says it is done, are one transaction.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use events::Envelope;
use futures_util::FutureExt;
use kernel::{ErrorKind, Failure};
use pg::Db;
use sqlx::PgConnection;
use thiserror::Error;
use tracing::Instrument;

use crate::store::inbox::Entry;
use crate::{store, trace};

/// How often an event is tried before a consumer gives it up. What waits for a server does not count.
pub(crate) const ATTEMPTS: i32 = 5;

/// Why an event could not be handled.
#[derive(Debug, Error)]
pub enum ConsumeError {
    /// Something that is needed cannot be reached. Tried again until it can.
    #[error("{0}")]
    Unavailable(String),
    /// The event cannot be handled as it is. Tried a few times, then a dead letter.
    #[error("{0}")]
    Failed(String),
}

impl ConsumeError {
    /// The event cannot be handled. The text must not hold personal data: it is kept and logged.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

impl From<sqlx::Error> for ConsumeError {
    fn from(error: sqlx::Error) -> Self {
        if pg::failure::is_unavailable(&error) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<serde_json::Error> for ConsumeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Failure> for ConsumeError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited => {
                Self::Unavailable(failure.to_string())
            }
            _ => Self::Failed(failure.to_string()),
        }
    }
}

/// What a consumer does with an event.
#[async_trait]
pub trait Handle: Send + Sync + 'static {
    /// Handles `event` in the transaction of `conn`, which commits after it. Nothing remote is called here.
    async fn handle(&self, conn: &mut PgConnection, event: &Envelope) -> Result<(), ConsumeError>;
}

/// A durable consumer: every event of its kinds reaches it, also after a crash.
#[derive(Clone)]
pub struct Consumer {
    /// Its name, such as `orders.on_user_deleted`. Events are known as handled under this name: never change it.
    pub name: &'static str,
    /// The kinds that it handles.
    pub kinds: &'static [&'static str],
    /// The database that its changes go to.
    pub db: Db,
    /// What it does.
    pub handler: Arc<dyn Handle>,
}

/// What became of an event that was given to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Its effect is committed.
    Handled,
    /// It was before.
    Known,
    /// It failed, and is among the dead letters now.
    Failed,
    /// It is behind a letter of the same object, which was tried so many times.
    Parked(i32),
}

impl Taken {
    fn name(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Known => "known",
            Self::Failed => "failed",
            Self::Parked(_) => "parked",
        }
    }
}

impl Consumer {
    /// Handles an event, or gives it up after a few tries. Returns when one of both is committed; drop it to stop before.
    pub async fn deliver(&self, event: &Envelope) {
        self.observed(event, self.try_in_hand(event, ATTEMPTS)).await;
    }

    /// Handles an event, or puts it aside at the first failure. Returns when one of both is committed.
    pub(crate) async fn accept(&self, event: &Envelope) -> Taken {
        self.observed(event, self.try_in_hand(event, 1)).await
    }

    /// Counts what becomes of an event, and makes it part of the trace of the request that it comes from.
    async fn observed(&self, event: &Envelope, work: impl Future<Output = Taken>) -> Taken {
        let span = tracing::info_span!(
            "consume", consumer = self.name, kind = %event.kind, event_id = %event.id, aggregate_id = %event.aggregate_id
        );
        trace::continue_from(&span, event.trace_parent.as_deref());
        let taken = work.instrument(span).await;
        metrics::counter!("events_consumed_total", "consumer" => self.name, "outcome" => taken.name()).increment(1);
        taken
    }

    /// Tries an event up to `attempts` times, and for as long as a server is away.
    async fn try_in_hand(&self, event: &Envelope, attempts: i32) -> Taken {
        let mut pauses = pauses();
        let mut failures = 0;
        loop {
            let error = match self.attempt(event).await {
                Ok(taken) => return taken,
                Err(error) => error,
            };
            failures += i32::from(matches!(error, ConsumeError::Failed(_)));
            if failures == attempts {
                match self.put_aside(event, &error, failures).await {
                    Ok(()) => return Taken::Failed,
                    // The event stays in hand until it is safe somewhere: one more try does no harm.
                    Err(cause) => {
                        tracing::warn!(error = %cause, "a dead letter could not be kept");
                        failures -= 1;
                    }
                }
            }
            tracing::warn!(%error, failures, "an event could not be handled and is tried again");
            metrics::counter!("events_retried_total", "consumer" => self.name).increment(1);
            tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    async fn attempt(&self, event: &Envelope) -> Result<Taken, ConsumeError> {
        loop {
            let mut tx = self.db.begin().await?;
            let taken = match store::inbox::enter(&mut tx, self.name, event).await? {
                Entry::Known => return Ok(Taken::Known),
                Entry::Parked => {
                    // Whoever takes the letter out at this moment would not see an event that is put behind it.
                    let Some(tries) = store::dead_letters::hold_front(&mut tx, self.name, event).await? else {
                        continue;
                    };
                    store::dead_letters::keep(&mut tx, self.name, event, "an earlier event of this object failed", 0)
                        .await?;
                    Taken::Parked(tries)
                }
                Entry::New => {
                    self.handle(&mut tx, event).await?;
                    Taken::Handled
                }
            };
            tx.commit().await?;
            return Ok(taken);
        }
    }

    /// Calls the handler. A panic in it is a failure of this event, not the end of the relay.
    pub(crate) async fn handle(&self, conn: &mut PgConnection, event: &Envelope) -> Result<(), ConsumeError> {
        let handled = AssertUnwindSafe(self.handler.handle(conn, event)).catch_unwind().await;
        handled.unwrap_or_else(|_| Err(ConsumeError::failed("the handler panicked")))
    }

    async fn put_aside(&self, event: &Envelope, error: &ConsumeError, attempts: i32) -> Result<(), sqlx::Error> {
        if attempts < ATTEMPTS {
            tracing::warn!(%error, "an event could not be handled and is put aside to be tried again");
        } else {
            tracing::error!(%error, "an event could not be handled and is now a dead letter");
        }
        let mut conn = self.db.primary().acquire().await?;
        store::dead_letters::keep(&mut conn, self.name, event, &error.to_string(), attempts).await
    }
}

/// The longest of them.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Growing pauses between tries of what is in hand.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}
