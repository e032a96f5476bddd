//! Erases the caller's own account.

use events::user::UserDeleted;
use kernel::Context;
use messaging::Once;

use super::{emit, signed_in};
use crate::Users;
use crate::error::Error;
use crate::store;

/// Destroys the account's data key, empties its row, deletes its addresses, ends its sessions; the address is free again.
/// Errors: [`Error::UserNotFound`].
pub async fn delete_me(users: &Users, context: &Context) -> Result<(), Error> {
    let id = signed_in(context)?;
    let Once::First(mut first) = users.idempotency.begin::<()>(context, "delete_me", &()).await? else {
        return Ok(());
    };
    let conn = first.conn();
    let user = store::users::lock(conn, &users.keyring, id).await?.ok_or(Error::UserNotFound)?;
    let (version, now) = (user.version + 1, users.clock.now());
    store::addresses::delete_all(conn, id).await?;
    store::sessions::revoke_all(conn, id, None, now).await?;
    store::users::erase(conn, id, version, now).await?;
    emit(conn, id, version, UserDeleted::KIND, &UserDeleted {}).await?;
    Ok(first.finish(&()).await?)
}
