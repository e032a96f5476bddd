//! Makes an account.

use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use super::{emit_created, get_user::find};
use crate::Users;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::role::Role;
use crate::domain::user::{Status, User};
use crate::error::Error;
use crate::store;

/// Who registers.
pub struct Register {
    /// The name to sign in with.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Telephone number.
    pub phone: Option<String>,
}

/// Makes a customer's account. Errors: [`Error::EmailTaken`], [`Error::Overloaded`].
pub async fn register(users: &Users, context: &Context, command: Register) -> Result<User, Error> {
    let password_hash = users.passwords.hash(&command.password).await?;
    let compared = (command.email.as_str(), &command.first_name, &command.last_name, &command.phone);
    match users.idempotency.begin::<Uuid>(context, "register", &compared).await? {
        Once::Replay(id) => {
            users.expect_same_password(id, &command.password).await?;
            find(users, id).await
        }
        Once::First(mut first) => {
            let user = new_user(users, command, Role::Customer);
            let inserted = store::users::insert(first.conn(), &users.keyring, &user, &password_hash).await;
            inserted.map_err(email_taken)?;
            emit_created(first.conn(), &user).await?;
            first.finish(&user.id).await?;
            Ok(user)
        }
    }
}

/// A new account, not stored yet.
pub(super) fn new_user(users: &Users, command: Register, role: Role) -> User {
    let now = users.clock.now();
    User {
        id: kernel::id::new_id(),
        email: command.email,
        first_name: command.first_name,
        last_name: command.last_name,
        phone: command.phone,
        role,
        status: Status::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The error of a statement that may find the address taken.
pub(super) fn email_taken(error: sqlx::Error) -> Error {
    match pg::violated_constraint(&error) {
        Some(store::users::EMAIL_UNIQUE) => Error::EmailTaken,
        _ => error.into(),
    }
}
