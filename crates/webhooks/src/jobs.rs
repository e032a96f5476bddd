//! Periodic work.

use std::sync::Arc;
use std::time::Duration;

use runtime::Tasks;

use crate::error::Error;
use crate::{Webhooks, ops};

/// How often secrets that have ended are deleted.
const PURGE_SECRETS: Duration = Duration::from_mins(10);
/// How often old answers to idempotent requests are deleted.
const PURGE_GROUND: Duration = Duration::from_hours(1);

/// Starts the role's periodic work.
pub fn jobs(webhooks: &Arc<Webhooks>, tasks: &Tasks) {
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
