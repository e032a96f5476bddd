//! The use cases, one file each: opens the transaction, decides, writes, emits, commits.
//!
//! A repeat with the same `Idempotency-Key` changes nothing and answers with the object as it is now: what is kept for
//! repeats is ids, so that no personal data outlives its owner there.

mod address_book;
mod contact;
mod create_address;
mod create_admin;
mod delete_address;
mod delete_me;
mod find_violations;
mod get_user;
mod list_addresses;
mod list_users;
mod login;
mod logout;
mod purge_sessions;
mod recall_ended_sessions;
mod refresh;
mod register;
mod rewrap_data_keys;
mod suspend_user;
mod update_address;
mod update_me;

pub use contact::contact;
pub use create_address::{CreateAddress, create_address};
pub use create_admin::{AdminOutcome, CreateAdmin, create_admin};
pub use delete_address::delete_address;
pub use delete_me::delete_me;
pub use find_violations::find_violations;
pub use get_user::get_user;
pub use list_addresses::list_addresses;
pub use list_users::{ListUsers, list_users};
pub use login::{Login, Tokens, login};
pub use logout::logout;
pub use purge_sessions::purge_sessions;
pub use recall_ended_sessions::recall_ended_sessions;
pub use refresh::refresh;
pub use register::{Register, register};
pub use rewrap_data_keys::rewrap_data_keys;
pub use suspend_user::suspend_user;
pub use update_address::{UpdateAddress, update_address};
pub use update_me::{UpdateMe, update_me};

pub use crate::store::health::Violation;

use chrono::{DateTime, Utc};
use events::user::{AGGREGATE, UserCreated, UserUpdated};
use kernel::{Context, Failure};
use messaging::NewEvent;
use runtime::limits::Decision;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Users;
use crate::domain::password::Password;
use crate::domain::user::User;
use crate::error::Error;
use crate::store;

/// Tells that an account was made.
async fn emit_created(conn: &mut PgConnection, user: &User) -> Result<(), Error> {
    emit(conn, user.id, user.version, UserCreated::KIND, &UserCreated {}).await
}

/// Tells which fields of an account changed.
async fn emit_updated(conn: &mut PgConnection, user: &User, changed: Vec<&'static str>) -> Result<(), Error> {
    let changed = changed.into_iter().map(str::to_owned).collect();
    emit(conn, user.id, user.version, UserUpdated::KIND, &UserUpdated { changed }).await
}

async fn emit(
    conn: &mut PgConnection,
    user_id: Uuid,
    version: i64,
    kind: &'static str,
    payload: &impl Serialize,
) -> Result<(), Error> {
    let data = serde_json::to_value(payload).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let event = NewEvent { aggregate: AGGREGATE, aggregate_id: user_id, version, kind, data };
    Ok(messaging::emit(conn, &event).await?)
}

/// A new value in a form in which one that takes the old away (`Some(None)`) differs from none (`None`).
fn given<T>(value: Option<&T>) -> Option<[&T; 1]> {
    value.map(|value| [value])
}

/// The signed-in user's id. The route's policy has made sure that there is one.
fn signed_in(context: &Context) -> Result<Uuid, Error> {
    context.user_id().ok_or(Error::UserNotFound)
}

impl Users {
    /// Counts a password check for an account. Error: [`Error::TooManyAttempts`].
    async fn count_attempt(&self, account: &str) -> Result<(), Error> {
        match self.attempts.check(account.as_bytes()).await {
            Decision { allowed: true, .. } => Ok(()),
            refused => Err(Error::TooManyAttempts(refused.retry_after_seconds.unwrap_or(1))),
        }
    }

    /// Makes the access tokens of sessions end with them. After the commit.
    async fn announce_ended(&self, sessions: &[Uuid], at: DateTime<Utc>) {
        let ended: Vec<_> = sessions.iter().map(|session| (*session, at)).collect();
        self.revocations.announce(&ended).await;
    }

    /// For a repeat whose command had a password: makes sure that it is the first one's, by the account's hash. The
    /// password itself is not among what is kept to compare commands: a plain hash of it would be too cheap to guess.
    async fn expect_same_password(&self, user: Uuid, password: &Password) -> Result<(), Error> {
        let hash = store::users::password_hash(&mut *self.db.primary().acquire().await?, user).await?;
        if self.passwords.verify(password, hash.ok_or(Error::UserNotFound)?).await? {
            return Ok(());
        }
        let message = "This Idempotency-Key was used for another request";
        Err(Failure::new(kernel::ErrorKind::Invalid, "IDEMPOTENCY_KEY_REUSED", message).into())
    }
}
