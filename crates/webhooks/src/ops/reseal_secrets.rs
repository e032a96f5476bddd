//! Brings secrets under the active key-encryption key, while the shop runs.

use crate::Webhooks;
use crate::error::Error;
use crate::store;

/// Secrets in one transaction.
const BATCH: i64 = 100;

/// Seals every secret anew that is under another key-encryption key; tells how many that were. Several may run at once,
/// and one that was stopped goes on where it was.
pub async fn reseal_secrets(webhooks: &Webhooks) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let mut tx = webhooks.db.begin().await?;
        let batch = store::secrets::reseal(&mut tx, &webhooks.keyring, BATCH, webhooks.clock.now()).await?;
        tx.commit().await?;
        done += batch;
        if batch == 0 {
            return Ok(done);
        }
    }
}
