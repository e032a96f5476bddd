//! Makes an administrator, from the command line.

use kernel::text::Checks;
use uuid::Uuid;

use super::register::{email_taken, new_user};
use super::{Register, emit_created, emit_updated};
use crate::Users;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::role::Role;
use crate::error::Error;
use crate::store;

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

/// Makes sure that an administrator with this address exists, and gives its id. An account that exists keeps its password
/// and profile. Errors: [`Error::EmailTaken`] by an account that is no administrator, unless `promote` is set.
pub async fn create_admin(
    users: &Users,
    email: &str,
    password: &str,
    promote: bool,
) -> Result<(Uuid, AdminOutcome), Error> {
    let account = account(email, password)?;
    let password_hash = users.passwords.hash(&account.password).await?;
    let mut tx = users.db.begin().await?;
    let known = store::users::find_id_by_email(&mut tx, &users.keyring, &account.email).await?;
    let known = match known {
        Some(id) => store::users::lock(&mut tx, &users.keyring, id).await?,
        None => None,
    };
    let (user, outcome) = match known {
        None => {
            let user = new_user(users, account, Role::Admin);
            store::users::insert(&mut tx, &users.keyring, &user, &password_hash).await.map_err(email_taken)?;
            emit_created(&mut tx, &user).await?;
            (user, AdminOutcome::Created)
        }
        Some(user) if user.role == Role::Admin => (user, AdminOutcome::Unchanged),
        Some(mut user) if promote => {
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
    Ok((user.id, outcome))
}

fn account(email: &str, password: &str) -> Result<Register, Error> {
    let mut checks = Checks::new();
    let email = checks.take(Email::parse("email", email));
    let password = checks.take(Password::parse("password", password));
    let (Some(email), Some(password)) = (email, password) else {
        return Err(checks.into_failure().into());
    };
    Ok(Register { email, password, first_name: "Shop".into(), last_name: "Administrator".into(), phone: None })
}
