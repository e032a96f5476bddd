//! Periodic work.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use runtime::Tasks;

use crate::error::Error;
use crate::process::{checkout, settle, watch};
use crate::{Orders, ops};

/// How often abandoned carts are removed.
const EXPIRE_CARTS: Duration = Duration::from_mins(10);
/// How often old answers to idempotent requests are deleted.
const PURGE_GROUND: Duration = Duration::from_hours(1);

/// Starts the role's periodic work, and lets checkouts that run finish at shutdown.
pub fn jobs(orders: &Arc<Orders>, tasks: &Tasks) {
    let (role, shutdown) = (Arc::clone(orders), tasks.shutdown_token());
    tasks.spawn("orders_checkouts", async move {
        shutdown.cancelled().await;
        role.finish().await;
        Ok::<_, Infallible>(())
    });
    let resume = orders.settings.resume;
    let role = Arc::clone(orders);
    tasks.every("orders_resume_checkouts", resume, move || {
        let role = Arc::clone(&role);
        async move { checkout::resume_checkouts(&role).await.map(drop) }
    });
    let role = Arc::clone(orders);
    tasks.every("orders_resume_settling", resume, move || {
        let role = Arc::clone(&role);
        async move { settle::resume_settling(&role).await.map(drop) }
    });
    let role = Arc::clone(orders);
    tasks.every("orders_see_to_notices", resume, move || {
        let role = Arc::clone(&role);
        async move { watch::see_to_notices(&role).await.map(drop) }
    });
    let role = Arc::clone(orders);
    tasks.every("orders_look_at_sessions", resume, move || {
        let role = Arc::clone(&role);
        async move { watch::look_at_sessions(&role).await.map(drop) }
    });
    let role = Arc::clone(orders);
    tasks.every("orders_purge_notices", PURGE_GROUND, move || {
        let role = Arc::clone(&role);
        async move { ops::purge_payment_notices(&role).await.map(drop) }
    });
    let role = Arc::clone(orders);
    tasks.every("orders_expire_carts", EXPIRE_CARTS, move || {
        let role = Arc::clone(&role);
        async move { ops::expire_carts(&role).await.map(drop) }
    });
    let db = orders.db.clone();
    tasks.every("orders_purge_ground", PURGE_GROUND, move || {
        let db = db.clone();
        async move { messaging::purge(&db).await.map(drop).map_err(Error::from) }
    });
}
