//! Brings data keys under the active key-encryption key, while the shop runs.

use crate::Users;
use crate::error::Error;
use crate::store;

/// Keys in one transaction.
const BATCH: i64 = 500;

/// Re-wraps every data key that is under another key-encryption key; tells how many that were. Several may run at once,
/// and one that was stopped goes on where it was: what is done is under the active key.
pub async fn rewrap_data_keys(users: &Users) -> Result<u64, Error> {
    let mut done = 0;
    loop {
        let mut tx = users.db.begin().await?;
        let outdated = store::data_keys::lock_outdated(&mut tx, users.keyring.active_id(), BATCH).await?;
        if outdated.is_empty() {
            return Ok(done);
        }
        let mut rewrapped = Vec::with_capacity(outdated.len());
        for (subject, key) in outdated {
            let new = users.keyring.rewrap(subject, &key).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            rewrapped.extend(new.map(|key| (subject, key)));
        }
        done += rewrapped.len() as u64;
        store::data_keys::replace(&mut tx, rewrapped, users.clock.now()).await?;
        tx.commit().await?;
    }
}
