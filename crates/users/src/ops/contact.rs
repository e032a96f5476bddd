//! How to reach a user, for other roles.

use uuid::Uuid;

use super::get_user::find;
use crate::Users;
use crate::domain::user::{Status, User};
use crate::error::Error;

/// The account, if it is active. Error: [`Error::UserNotFound`].
pub async fn contact(users: &Users, id: Uuid) -> Result<User, Error> {
    let user = find(users, id).await?;
    if user.status == Status::Active { Ok(user) } else { Err(Error::UserNotFound) }
}
