//! Periodic work, and the sending itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use runtime::Tasks;

use crate::error::Error;
use crate::sender::dispatcher;
use crate::{Webhooks, ops};

/// How often deliveries that are kept no longer are deleted.
const PURGE_DELIVERIES: Duration = Duration::from_mins(10);
/// How often what waits is measured.
const MEASURE: Duration = Duration::from_secs(10);
/// How often secrets that have ended are deleted.
const PURGE_SECRETS: Duration = Duration::from_mins(10);
/// How often old answers to idempotent requests are deleted.
const PURGE_GROUND: Duration = Duration::from_hours(1);

/// Starts the role's work: sends what is due, deletes what is old.
pub fn jobs(webhooks: &Arc<Webhooks>, tasks: &Tasks) {
    let (role, shutdown) = (Arc::clone(webhooks), tasks.shutdown_token());
    tasks.spawn("webhooks_sender", async move {
        dispatcher::run(role, shutdown).await;
        Ok::<_, Infallible>(())
    });
    let role = Arc::clone(webhooks);
    tasks.every("webhooks_measure", MEASURE, move || {
        let role = Arc::clone(&role);
        async move { ops::measure(&role).await }
    });
    let role = Arc::clone(webhooks);
    tasks.every("webhooks_purge_deliveries", PURGE_DELIVERIES, move || {
        let role = Arc::clone(&role);
        async move { ops::purge_deliveries(&role).await.map(drop) }
    });
    let role = Arc::clone(webhooks);
    tasks.every("webhooks_purge_secrets", PURGE_SECRETS, move || {
        let role = Arc::clone(&role);
        async move { ops::purge_secrets(&role).await.map(drop) }
    });
    let db = webhooks.db.clone();
    tasks.every("webhooks_purge_ground", PURGE_GROUND, move || {
        let db = db.clone();
        async move { messaging::purge(&db).await.map(drop).map_err(Error::from) }
    });
}
