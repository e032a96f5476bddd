//! Makes an administrator, from the command line.

use super::register::{email_taken, new_user};
use super::{Register, emit_created, emit_updated};
use crate::Users;
use crate::domain::role::Role;
use crate::domain::user::User;
use crate::error::Error;
use crate::store;

/// Who becomes an administrator.
pub struct CreateAdmin {
    /// The account to make.
    pub account: Register,
    /// Whether an account that exists may be promoted. Its password and profile stay.
    pub promote: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminOutcome {
    /// A new account.
    Created,
    /// An account that was there is an administrator now.
    Promoted,
    /// The account was an administrator already.
    Unchanged,
}

/// Makes sure that an administrator with this address exists.
/// Errors: [`Error::EmailTaken`] by an account that is no administrator, unless it may be promoted.
pub async fn create_admin(users: &Users, command: CreateAdmin) -> Result<(User, AdminOutcome), Error> {
    let password_hash = users.passwords.hash(&command.account.password).await?;
    let mut tx = users.db.begin().await?;
    let known = store::users::find_id_by_email(&mut tx, &users.keyring, &command.account.email).await?;
    let known = match known {
        Some(id) => store::users::lock(&mut tx, &users.keyring, id).await?,
        None => None,
    };
    let (user, outcome) = match known {
        None => {
            let user = new_user(users, command.account, Role::Admin);
            store::users::insert(&mut tx, &users.keyring, &user, &password_hash).await.map_err(email_taken)?;
            emit_created(&mut tx, &user).await?;
            (user, AdminOutcome::Created)
        }
        Some(user) if user.role == Role::Admin => (user, AdminOutcome::Unchanged),
        Some(mut user) if command.promote => {
            user.role = Role::Admin;
            user.version += 1;
            user.updated_at = users.clock.now();
            store::users::update_standing(&mut tx, &user).await?;
            emit_updated(&mut tx, &user, vec!["role"]).await?;
            (user, AdminOutcome::Promoted)
        }
        Some(_) => return Err(Error::EmailTaken),
    };
    tx.commit().await?;
    Ok((user, outcome))
}
