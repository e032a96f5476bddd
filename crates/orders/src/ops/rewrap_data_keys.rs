//! Brings data keys under the active key-encryption key, while the shop runs.

use crate::Orders;
use crate::error::Error;
use crate::store;

/// Keys in one transaction.
const BATCH: i64 = 500;

/// Re-wraps every data key that is under another key-encryption key; tells how many that were. Several may run at once,
/// and one that was stopped goes on where it was: what is done is under the active key.
pub async fn rewrap_data_keys(orders: &Orders) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let mut tx = orders.db.begin().await?;
        let outdated = store::data_keys::lock_outdated(&mut tx, orders.vault.active_id(), BATCH).await?;
        if outdated.is_empty() {
            return Ok(done);
        }
        for (subject, key) in outdated {
            if let Some(key) = orders.vault.rewrap(subject, &key)? {
                store::data_keys::replace(&mut tx, subject, &key).await?;
                done += 1;
            }
        }
        tx.commit().await?;
    }
}
