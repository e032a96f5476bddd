//! Changes the caller's own account.

use kernel::{Actor, Context};
use messaging::{FirstTime, Once};
use runtime::http::IfMatch;
use uuid::Uuid;

use super::register::email_taken;
use super::{emit_updated, get_user::find, given, signed_in};
use crate::Users;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::user::{User, UserChange};
use crate::error::Error;
use crate::store;

/// What to change.
pub struct UpdateMe {
    /// New values of the profile.
    pub change: UserChange,
    /// A new password.
    pub password: Option<Password>,
    /// The password as it is: needed for a new one and for a new address.
    pub current_password: Option<Password>,
    /// The version that the caller has seen.
    pub if_match: IfMatch,
}

/// Changes profile, address or password. A new password ends the account's other sessions.
///
/// Errors: [`Error::WrongPassword`], [`Error::EmailTaken`], [`Error::UserNotFound`], [`Error::TooManyAttempts`], 412.
pub async fn update_me(users: &Users, context: &Context, command: UpdateMe) -> Result<User, Error> {
    let id = signed_in(context)?;
    let proven = prove_password(users, id, &command).await?;
    let new_hash = match &command.password {
        Some(password) => Some(users.passwords.hash(password).await?),
        None => None,
    };
    let change = &command.change;
    let email = change.email.as_ref().map(Email::as_str);
    let compared =
        (email, &change.first_name, &change.last_name, given(change.phone.as_ref()), command.password.is_some());
    match users.idempotency.begin::<()>(context, "update_me", &compared).await? {
        Once::Replay(()) => {
            if let Some(password) = &command.password {
                users.expect_same_password(id, password).await?;
            }
            find(users, id).await
        }
        Once::First(first) => write(users, context, id, command, proven, new_hash, first).await,
    }
}

/// The account's hash that the given password belongs to; none when it was not needed or is wrong.
async fn prove_password(users: &Users, id: Uuid, command: &UpdateMe) -> Result<Option<String>, Error> {
    let Some(password) = command.current_password.as_ref().filter(|_| needs_password(command)) else {
        return Ok(None);
    };
    users.count_attempt(&id.to_string()).await?;
    let hash = store::users::password_hash(&mut *users.db.primary().acquire().await?, id).await?;
    let hash = hash.ok_or(Error::UserNotFound)?;
    Ok(users.passwords.verify(password, hash.clone()).await?.then_some(hash))
}

fn needs_password(command: &UpdateMe) -> bool {
    command.password.is_some() || command.change.email.is_some()
}

async fn write(
    users: &Users,
    context: &Context,
    id: Uuid,
    command: UpdateMe,
    proven: Option<String>,
    new_hash: Option<String>,
    mut first: FirstTime,
) -> Result<User, Error> {
    let conn = first.conn();
    let mut user = store::users::lock(conn, &users.keyring, id).await?.ok_or(Error::UserNotFound)?;
    command.if_match.check(user.version)?;
    if needs_password(&command) && (proven.is_none() || proven != store::users::password_hash(conn, id).await?) {
        return Err(Error::WrongPassword);
    }
    let mut changed = user.apply(command.change);
    changed.extend(new_hash.is_some().then_some("password"));
    let (mut ended, now) = (Vec::new(), users.clock.now());
    if !changed.is_empty() {
        user.version += 1;
        user.updated_at = now;
        let key = store::data_keys::find(conn, &users.keyring, id).await?.ok_or(Error::UserNotFound)?;
        store::users::update(conn, &users.keyring, &key, &user).await.map_err(email_taken)?;
        if let Some(hash) = new_hash {
            store::users::set_password(conn, id, &hash).await?;
            ended = store::sessions::revoke_all(conn, id, own_session(context), now).await?;
        }
        emit_updated(conn, &user, changed).await?;
    }
    first.finish(&()).await?;
    users.announce_ended(&ended, now).await;
    Ok(user)
}

fn own_session(context: &Context) -> Option<Uuid> {
    match context.actor {
        Actor::User { session, .. } => Some(session),
        Actor::Anonymous | Actor::System(_) => None,
    }
}
