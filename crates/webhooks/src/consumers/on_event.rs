//! Something happened: the endpoints that want to know are told.

use std::sync::Arc;

use async_trait::async_trait;
use events::{Envelope, REGISTRY};
use kernel::{Clock, Failure};
use messaging::{ConsumeError, Consumer, Handle};
use sqlx::PgConnection;

use crate::{Webhooks, ops};

/// The consumer's name.
pub(super) const NAME: &str = "webhooks.on_event";
/// Every published kind.
pub(super) const KINDS: [&str; REGISTRY.len()] = {
    let mut kinds = [""; REGISTRY.len()];
    let mut at = 0;
    while at < REGISTRY.len() {
        kinds[at] = REGISTRY[at].kind;
        at += 1;
    }
    kinds
};

struct OnEvent(Clock);

pub(super) fn consumer(webhooks: &Arc<Webhooks>) -> Consumer {
    Consumer { name: NAME, kinds: &KINDS, db: webhooks.db.clone(), handler: Arc::new(OnEvent(webhooks.clock.clone())) }
}

#[async_trait]
impl Handle for OnEvent {
    async fn handle(&self, conn: &mut PgConnection, event: &Envelope) -> Result<(), ConsumeError> {
        ops::note_event(conn, &self.0, event).await.map_err(|error| Failure::from(error).into())
    }
}
