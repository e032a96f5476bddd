//! Periodic work.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use runtime::Tasks;

use crate::error::Error;
use crate::{Users, ops};

/// How often sessions that are over are deleted.
const PURGE_SESSIONS: Duration = Duration::from_mins(10);
/// How often ended sessions are told again whose announcement may be missing.
const RECALL_ENDED: Duration = Duration::from_secs(5);
/// How often old answers to idempotent requests are deleted.
const PURGE_GROUND: Duration = Duration::from_hours(1);
/// How often counters of attempts are forgotten that are back to zero.
const SWEEP_ATTEMPTS: Duration = Duration::from_mins(1);

/// Starts the role's periodic work.
pub fn jobs(users: &Arc<Users>, tasks: &Tasks) {
    let role = Arc::clone(users);
    tasks.every("users_purge_sessions", PURGE_SESSIONS, move || {
        let role = Arc::clone(&role);
        async move { ops::purge_sessions(&role).await.map(drop) }
    });
    let role = Arc::clone(users);
    tasks.every("users_recall_ended_sessions", RECALL_ENDED, move || {
        let role = Arc::clone(&role);
        async move { ops::recall_ended_sessions(&role).await }
    });
    let db = users.db.clone();
    tasks.every("users_purge_ground", PURGE_GROUND, move || {
        let db = db.clone();
        async move { messaging::purge(&db).await.map(drop).map_err(Error::from) }
    });
    let attempts = users.attempts.clone();
    tasks.every("users_sweep_attempts", SWEEP_ATTEMPTS, move || {
        attempts.sweep();
        async { Ok::<_, Infallible>(()) }
    });
}
