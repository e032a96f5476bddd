//! Signs in with address and password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::{DateTime, Utc};
use crypto::Claims;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Users;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::role::Role;
use crate::domain::session;
use crate::domain::user::Status;
use crate::error::Error;
use crate::store;
use crate::store::users::Credentials;

/// The client in tokens that were issued for a password: the shop's own.
const FIRST_PARTY_CLIENT: &str = "tradepost";

/// Who signs in.
pub struct Login {
    /// The account's address.
    pub email: Email,
    /// Its password.
    pub password: Password,
}

/// What a signed-in client holds.
pub struct Tokens {
    /// Opens the API for some minutes.
    pub access_token: String,
    /// Good for one refresh.
    pub refresh_token: String,
}

/// Begins a session. An unknown address takes as long as a wrong password and gives the same error; that an account is
/// suspended is told to those alone who know its password.
///
/// A repeat begins another session, whatever its `Idempotency-Key`: tokens are not kept for repeats.
///
/// Errors: [`Error::InvalidCredentials`], [`Error::UserSuspended`], [`Error::TooManyAttempts`], [`Error::Overloaded`].
pub async fn login(users: &Users, command: Login) -> Result<Tokens, Error> {
    let account = STANDARD_NO_PAD.encode(store::users::email_index(&users.keyring, &command.email));
    users.count_attempt(&account).await?;
    let found = {
        let mut conn = users.db.primary().acquire().await?;
        store::users::credentials(&mut conn, &users.keyring, &command.email).await?
    };
    let hash = found.as_ref().map_or_else(|| users.passwords.nobodys_hash(), |known| known.password_hash.clone());
    let is_right = users.passwords.verify(&command.password, hash).await?;
    let known = found.filter(|_| is_right).ok_or(Error::InvalidCredentials)?;
    begin_session(users, &known).await
}

async fn begin_session(users: &Users, known: &Credentials) -> Result<Tokens, Error> {
    let mut tx = users.db.begin().await?;
    // The check took its time: the account may have another password by now, or none.
    let current = store::users::share_credentials(&mut tx, known.user_id).await?;
    let current = current.filter(|now| now.password_hash == known.password_hash).ok_or(Error::InvalidCredentials)?;
    if current.status == Status::Suspended {
        return Err(Error::UserSuspended);
    }
    let (now, session) = (users.clock.now(), kernel::id::new_id());
    let expires_at = session::expiry(now, now);
    store::sessions::insert(&mut tx, session, current.user_id, now, expires_at).await?;
    let refresh_token = issue_refresh_token(&mut tx, session, now, expires_at).await?;
    tx.commit().await?;
    Ok(Tokens { access_token: access_token(users, current.user_id, session, current.role), refresh_token })
}

/// Makes and stores a session's next refresh token.
pub(super) async fn issue_refresh_token(
    conn: &mut PgConnection,
    session: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<String, Error> {
    let token = crypto::random_token();
    store::sessions::add_token(conn, session, &crypto::sha256(token.as_bytes()), now, expires_at).await?;
    Ok(token)
}

/// A new access token of a session.
pub(super) fn access_token(users: &Users, user_id: Uuid, session: Uuid, role: Role) -> String {
    let client_id = FIRST_PARTY_CLIENT.to_owned();
    users.signer.issue(&Claims { user_id, session, client_id, scopes: role.scopes() })
}
