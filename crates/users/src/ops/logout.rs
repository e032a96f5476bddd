//! Ends a session.

use crate::Users;
use crate::error::Error;
use crate::store;

/// Ends the session of a refresh token, used or not. A token that nobody knows is no error: it opens nothing.
/// Access tokens of the session stay good until they expire.
pub async fn logout(users: &Users, token: &str) -> Result<(), Error> {
    let mut tx = users.db.begin().await?;
    if let Some(token) = store::sessions::lock_token(&mut tx, &crypto::sha256(token.as_bytes())).await? {
        store::sessions::revoke(&mut tx, token.session_id, users.clock.now()).await?;
    }
    Ok(tx.commit().await?)
}
