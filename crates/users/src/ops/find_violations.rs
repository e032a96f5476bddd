//! Looks for rows that break a rule, for `doctor`.

use crate::Users;
use crate::error::Error;
use crate::store;
use crate::store::health::Violation;

/// Findings at the most.
const LIMIT: i64 = 1_000;

/// Rows that break a rule: none in a sound database.
pub async fn find_violations(users: &Users) -> Result<Vec<Violation>, Error> {
    Ok(store::health::violations(&mut *users.db.primary().acquire().await?, LIMIT).await?)
}
