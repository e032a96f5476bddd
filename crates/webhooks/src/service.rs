//! What other roles may ask.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::event_log::{EventLog, PAGE_LIMIT};
use events::Envelope;
use kernel::{Context, Failure};

use crate::Webhooks;

#[async_trait]
impl EventLog for Webhooks {
    async fn events_after(&self, _: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        let events = messaging::log::published_after(&self.db, after, limit.min(PAGE_LIMIT)).await;
        events.map_err(|error| pg::failure(&error))
    }

    async fn last_sequence(&self, _: &Context) -> Result<i64, Failure> {
        messaging::log::last_sequence(&self.db).await.map_err(|error| pg::failure(&error))
    }
}
