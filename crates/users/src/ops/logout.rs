//! Ends a session.

use crate::Users;
use crate::error::Error;
use crate::store;

/// Ends the session of a refresh token, used or not. A token that nobody knows is no error: it opens nothing.
/// Access tokens of the session end with it.
pub async fn logout(users: &Users, token: &str) -> Result<(), Error> {
    let mut tx = users.db.begin().await?;
    let known = store::sessions::lock_token(&mut tx, &crypto::sha256(token.as_bytes())).await?;
    let Some(session) = known.map(|token| token.session_id) else { return Ok(()) };
    let now = users.clock.now();
    store::sessions::revoke(&mut tx, session, now).await?;
    tx.commit().await?;
    users.announce_ended(&[session], now).await;
    Ok(())
}
