//! What every role that publishes promises: its log of events, in order, as far back as it keeps it.

use std::sync::Arc;

use async_trait::async_trait;
use events::Envelope;
use kernel::{Context, Failure};

use crate::remote::{self, Upstream};
use crate::within_deadline;

/// Most events of one answer.
pub const PAGE_LIMIT: u32 = 1_000;

/// The promise. Implemented by every role that publishes events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Events after the sequence `after` (0: from the start), in order of sequence and without gaps, at most `limit` and
    /// [`PAGE_LIMIT`].
    async fn events_after(&self, context: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure>;

    /// The sequence of the newest published event; 0 when there is none yet.
    async fn last_sequence(&self, context: &Context) -> Result<i64, Failure>;
}

/// The client that callers hold.
#[derive(Clone)]
pub struct EventLogClient(Arc<dyn EventLog>);

impl EventLogClient {
    /// A client of the role in this process.
    pub fn local(role: Arc<dyn EventLog>) -> Self {
        Self(role)
    }

    /// A client of the role in other processes.
    pub fn remote(upstream: Upstream) -> Self {
        Self(Arc::new(remote::event_log::Remote(upstream)))
    }

    /// See [`EventLog::events_after`].
    pub async fn events_after(&self, context: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        within_deadline(context, self.0.events_after(context, after, limit)).await
    }

    /// See [`EventLog::last_sequence`].
    pub async fn last_sequence(&self, context: &Context) -> Result<i64, Failure> {
        within_deadline(context, self.0.last_sequence(context)).await
    }
}
