//! Tells again which sessions have ended.

use crate::Users;
use crate::error::Error;
use crate::store;

/// Announces the sessions that ended so lately that tokens of them may live: at the start of a process, and now and then,
/// for the case that one ended between a commit and its announcement.
pub async fn recall_ended_sessions(users: &Users) -> Result<(), Error> {
    let since = users.revocations.horizon();
    let ended = store::sessions::ended_since(&mut *users.db.primary().acquire().await?, since).await?;
    let unknown: Vec<_> = ended.into_iter().filter(|(session, _)| !users.revocations.knows(*session)).collect();
    users.revocations.announce(&unknown).await;
    Ok(())
}
