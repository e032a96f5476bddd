//! Gives new tokens for a refresh token.
//!
//! A refresh token is good for one use. A second use, at once or later, ends the session: of two requests with one token
//! the first to lock it wins, and as nobody can tell which of the two was the thief's, the other ends the session for
//! both. A client that lost the answer asks again with the same `Idempotency-Key`, which a thief does not know: within
//! [`session::RETRY_GRACE`], and unless the answer was put to use in the meantime, it gets the same refresh token.

use chrono::{DateTime, Utc};
use kernel::Context;
use messaging::Once;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::login::{Tokens, access_token, issue_refresh_token};
use crate::Users;
use crate::domain::session::{self, PresentedToken, Verdict};
use crate::domain::user::Status;
use crate::error::Error;
use crate::store;

/// What is kept, sealed, for a repeat.
#[derive(Serialize, Deserialize)]
struct Rotated {
    refresh_token: String,
    at: DateTime<Utc>,
}

/// Gives new tokens. Errors: [`Error::InvalidRefreshToken`], [`Error::RefreshTokenReused`], [`Error::UserSuspended`].
pub async fn refresh(users: &Users, context: &Context, token: &str) -> Result<Tokens, Error> {
    let hash = crypto::sha256(token.as_bytes());
    match users.idempotency.begin::<Rotated>(context, "refresh", &hash).await? {
        Once::Replay(rotated) => repeat(users, &hash, rotated).await,
        Once::First(mut first) => {
            let now = users.clock.now();
            let presented = lock(first.conn(), &hash).await?;
            match presented.judge(now) {
                Verdict::Refuse => Err(Error::InvalidRefreshToken),
                Verdict::Revoke => {
                    drop(first);
                    end_session(users, presented.session_id).await
                }
                Verdict::Rotate => {
                    let access_token = renew(users, first.conn(), &presented).await?;
                    let expires_at = session::expiry(presented.started_at, now);
                    store::sessions::use_token(first.conn(), presented.token_id, now).await?;
                    let next = issue_refresh_token(first.conn(), presented.session_id, now, expires_at).await?;
                    let rotated = Rotated { refresh_token: next, at: now };
                    first.finish(&rotated).await?;
                    Ok(Tokens { access_token, refresh_token: rotated.refresh_token })
                }
            }
        }
    }
}

/// Gives the first answer's refresh token again, if that is still safe.
async fn repeat(users: &Users, first_hash: &[u8], rotated: Rotated) -> Result<Tokens, Error> {
    let now = users.clock.now();
    let mut tx = users.db.begin().await?;
    let next = store::sessions::lock_token(&mut tx, &crypto::sha256(rotated.refresh_token.as_bytes())).await?;
    match next {
        Some(next) if now <= rotated.at + session::RETRY_GRACE && next.judge(now) == Verdict::Rotate => {
            let access_token = renew(users, &mut tx, &next).await?;
            tx.commit().await?;
            Ok(Tokens { access_token, refresh_token: rotated.refresh_token })
        }
        _ => {
            let used = lock(&mut tx, first_hash).await?;
            drop(tx);
            end_session(users, used.session_id).await
        }
    }
}

async fn lock(conn: &mut PgConnection, hash: &[u8]) -> Result<PresentedToken, Error> {
    store::sessions::lock_token(conn, hash).await?.ok_or(Error::InvalidRefreshToken)
}

/// A new access token, with what the account may do now. The account is not locked: whoever changes it locks it before its
/// sessions, so the other way round would be a deadlock. A suspension that comes in between ends the session after us.
async fn renew(users: &Users, conn: &mut PgConnection, presented: &PresentedToken) -> Result<String, Error> {
    let account = store::users::credentials_by_id(conn, presented.user_id).await?;
    let account = account.ok_or(Error::InvalidRefreshToken)?;
    if account.status == Status::Suspended {
        return Err(Error::UserSuspended);
    }
    Ok(access_token(users, presented.user_id, presented.session_id, account.role))
}

/// Ends a session because a used token came again.
async fn end_session(users: &Users, session: Uuid) -> Result<Tokens, Error> {
    let now = users.clock.now();
    store::sessions::revoke(&mut *users.db.primary().acquire().await?, session, now).await?;
    users.announce_ended(&[session], now).await;
    metrics::counter!("refresh_tokens_reused_total").increment(1);
    tracing::warn!(%session, "a used refresh token came again: the session was ended");
    Err(Error::RefreshTokenReused)
}
