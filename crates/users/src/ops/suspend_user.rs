//! Closes an account.

use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use super::{emit_updated, get_user::find};
use crate::Users;
use crate::domain::user::{Status, User};
use crate::error::Error;
use crate::store;

/// Suspends an account and ends its sessions. Once suspended, a repeat changes nothing.
/// Errors: [`Error::UserNotFound`], [`Error::CannotSuspendSelf`].
pub async fn suspend_user(users: &Users, context: &Context, id: Uuid) -> Result<User, Error> {
    if context.user_id() == Some(id) {
        return Err(Error::CannotSuspendSelf);
    }
    let Once::First(mut first) = users.idempotency.begin::<()>(context, "suspend_user", &id).await? else {
        return find(users, id).await;
    };
    let conn = first.conn();
    let mut user = store::users::lock(conn, &users.keyring, id).await?.ok_or(Error::UserNotFound)?;
    let (mut ended, now) = (Vec::new(), users.clock.now());
    if user.status == Status::Active {
        user.status = Status::Suspended;
        user.version += 1;
        user.updated_at = now;
        store::users::update_standing(conn, &user).await?;
        ended = store::sessions::revoke_all(conn, id, None, now).await?;
        emit_updated(conn, &user, vec!["status"]).await?;
    }
    first.finish(&()).await?;
    users.announce_ended(&ended, now).await;
    Ok(user)
}
