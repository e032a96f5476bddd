//! Looks for what must not be, for `doctor`.

use chrono::TimeDelta;

use crate::Webhooks;
use crate::error::Error;
use crate::store;
pub use crate::store::health::Violation;

/// Findings at the most.
const LIMIT: i64 = 1_000;
/// How late a delivery may be before somebody should look: an instance that sends takes what is due at once.
const LATE: TimeDelta = TimeDelta::minutes(5);

/// Deliveries that are stuck, and endpoints that were disabled because they failed: none in a sound shop.
pub async fn find_violations(webhooks: &Webhooks) -> Result<Vec<Violation>, Error> {
    let mut conn = webhooks.db.primary().acquire().await?;
    Ok(store::health::violations(&mut conn, webhooks.clock.now() - LATE, LIMIT).await?)
}
