//! Removes old notices of payment providers.

use chrono::TimeDelta;

use crate::Orders;
use crate::error::Error;
use crate::store;

/// How long a notice is known, should it come again. Providers repeat for days at the most.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Notices in one statement.
const BATCH: i64 = 1_000;

/// Removes notices that were seen to a month ago. Gives how many.
pub async fn purge_payment_notices(orders: &Orders) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let batch = store::payment_notices::purge(&mut conn, KEPT, BATCH).await?;
        removed += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}
