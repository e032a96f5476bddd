//! Reads one account.

use kernel::{Context, Scope};
use uuid::Uuid;

use crate::Users;
use crate::domain::user::User;
use crate::error::Error;
use crate::store;

/// The caller's own account, or any for staff. Error: [`Error::UserNotFound`], also for accounts of others.
pub async fn get_user(users: &Users, context: &Context, id: Uuid) -> Result<User, Error> {
    if context.user_id() != Some(id) && !context.has_scope(Scope::ReadUsers) {
        return Err(Error::UserNotFound);
    }
    find(users, id).await
}

/// A live account.
pub(super) async fn find(users: &Users, id: Uuid) -> Result<User, Error> {
    let mut conn = users.db.primary().acquire().await?;
    store::users::find(&mut conn, &users.keyring, id).await?.ok_or(Error::UserNotFound)
}
