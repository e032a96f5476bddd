//! Deletes what is left of sessions that are over.

use crate::Users;
use crate::error::Error;
use crate::store;

/// Rows that one statement deletes: short locks, small transactions.
const BATCH: i64 = 1_000;

/// Deletes expired sessions and refresh tokens; tells how many rows that were. Stops and starts anew at any point.
pub async fn purge_sessions(users: &Users) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let now = users.clock.now();
        let batch = store::sessions::purge(&mut *users.db.primary().acquire().await?, now, BATCH).await?;
        deleted += batch;
        if batch == 0 {
            return Ok(deleted);
        }
    }
}
