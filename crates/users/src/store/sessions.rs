//! Sessions and their refresh tokens.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::session::PresentedToken;

/// Stores a new session.
pub async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
        id,
        user,
        expires_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores a session's next refresh token and lets the session live as long.
pub async fn add_token(
    conn: &mut PgConnection,
    session: Uuid,
    token_hash: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (id, session_id, token_hash, expires_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        kernel::id::new_id(),
        session,
        token_hash,
        expires_at,
        now
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("UPDATE sessions SET expires_at = $2, updated_at = $3 WHERE id = $1", session, expires_at, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// A refresh token and its session, both locked: of two requests with one token, the second sees what the first did.
pub async fn lock_token(conn: &mut PgConnection, token_hash: &[u8]) -> Result<Option<PresentedToken>, sqlx::Error> {
    sqlx::query_as!(
        PresentedToken,
        r#"SELECT t.id AS token_id, s.id AS session_id, s.user_id, s.created_at AS started_at, t.expires_at,
                  t.used_at IS NOT NULL AS "is_used!", s.revoked_at IS NOT NULL AS "is_revoked!"
           FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id
           WHERE t.token_hash = $1
           FOR UPDATE OF s, t"#,
        token_hash
    )
    .fetch_optional(conn)
    .await
}

/// Marks a refresh token as used.
pub async fn use_token(conn: &mut PgConnection, token: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE refresh_tokens SET used_at = $2, updated_at = $2 WHERE id = $1", token, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a session.
pub async fn revoke(conn: &mut PgConnection, session: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET revoked_at = $2, updated_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        session,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends all sessions of a user but `kept`; tells which.
pub async fn revoke_all(
    conn: &mut PgConnection,
    user: Uuid,
    kept: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE sessions SET revoked_at = $3, updated_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2
         RETURNING id",
        user,
        kept,
        now
    )
    .fetch_all(conn)
    .await
}

/// Sessions that were ended since, with the time; without those of erased accounts, whose owners may repeat the request.
pub async fn ended_since(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    let ended = sqlx::query!(
        r#"SELECT s.id, s.revoked_at AS "revoked_at!" FROM sessions s JOIN users u ON u.id = s.user_id
           WHERE s.revoked_at > $1 AND u.deleted_at IS NULL"#,
        since
    );
    Ok(ended.fetch_all(conn).await?.into_iter().map(|row| (row.id, row.revoked_at)).collect())
}

/// Deletes up to `limit` sessions that have expired, with their tokens, and as many expired tokens of the others; tells
/// how many rows that were.
pub async fn purge(conn: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<u64, sqlx::Error> {
    let sessions = sqlx::query!(
        "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        now,
        limit
    )
    .execute(&mut *conn)
    .await?;
    let tokens = sqlx::query!(
        "DELETE FROM refresh_tokens WHERE id IN
             (SELECT id FROM refresh_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        now,
        limit
    )
    .execute(conn)
    .await?;
    Ok(sessions.rows_affected() + tokens.rows_affected())
}
