//! Deletes deliveries that are kept no longer.

use crate::Webhooks;
use crate::error::Error;
use crate::store;

/// Rows that one statement deletes: short locks, small transactions.
const BATCH: i64 = 1_000;

/// Deletes old deliveries with their attempts; tells how many those were. Stops and starts anew at any point.
pub async fn purge_deliveries(webhooks: &Webhooks) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let before = webhooks.clock.now() - webhooks.rules.retention;
        let mut conn = webhooks.db.primary().acquire().await?;
        let batch = store::deliveries::purge(&mut conn, before, BATCH).await?;
        deleted += batch;
        if batch == 0 {
            return Ok(deleted);
        }
    }
}
