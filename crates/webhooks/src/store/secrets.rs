//! Secrets of endpoints, sealed.

use chrono::{DateTime, Utc};
use crypto::{Keyring, WebhookSecret};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;

/// What a secret is sealed for.
const PURPOSE: &str = "endpoint_secrets.sealed";

fn open(keyring: &Keyring, endpoint: Uuid, sealed: &[u8]) -> Result<WebhookSecret, sqlx::Error> {
    let bytes = keyring.open(PURPOSE, endpoint.as_bytes(), sealed).map_err(unreadable)?;
    WebhookSecret::from_bytes(bytes).map_err(unreadable)
}

/// Stores a new secret; gives its id.
pub async fn insert(
    conn: &mut PgConnection,
    keyring: &Keyring,
    endpoint: Uuid,
    secret: &WebhookSecret,
    now: DateTime<Utc>,
) -> Result<Uuid, sqlx::Error> {
    let id = kernel::id::new_id();
    sqlx::query!(
        "INSERT INTO endpoint_secrets (id, endpoint_id, kek_id, sealed, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        id,
        endpoint,
        keyring.active_id(),
        keyring.seal(PURPOSE, endpoint.as_bytes(), secret.as_bytes()),
        now
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// A secret by its id; none when it has ended.
pub async fn find(conn: &mut PgConnection, keyring: &Keyring, id: Uuid) -> Result<Option<WebhookSecret>, sqlx::Error> {
    let row = sqlx::query!("SELECT endpoint_id, sealed FROM endpoint_secrets WHERE id = $1", id);
    let row = row.fetch_optional(conn).await?;
    row.map(|row| open(keyring, row.endpoint_id, &row.sealed)).transpose()
}

/// The secrets of endpoints that are good at `now`, the newest of each first.
pub async fn of_endpoints(
    conn: &mut PgConnection,
    keyring: &Keyring,
    endpoints: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, WebhookSecret)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT endpoint_id, sealed FROM endpoint_secrets
         WHERE endpoint_id = ANY ($1) AND (expires_at IS NULL OR expires_at > $2)
         ORDER BY endpoint_id, expires_at DESC NULLS FIRST",
        endpoints,
        now
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok((row.endpoint_id, open(keyring, row.endpoint_id, &row.sealed)?))).collect()
}

/// Makes room for a new secret: the current one ends at `expires_at`, and the one before it now.
pub async fn retire(
    conn: &mut PgConnection,
    endpoint: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at IS NOT NULL", endpoint)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "UPDATE endpoint_secrets SET expires_at = $2, updated_at = $3 WHERE endpoint_id = $1",
        endpoint,
        expires_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes secrets that have ended, and those of deleted endpoints.
pub async fn purge(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM endpoint_secrets s USING endpoints e
         WHERE e.id = s.endpoint_id AND (s.expires_at <= $1 OR e.deleted_at IS NOT NULL)",
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Seals up to `limit` secrets anew that are not under the active key; tells how many those were.
pub async fn reseal(
    conn: &mut PgConnection,
    keyring: &Keyring,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, endpoint_id, sealed FROM endpoint_secrets WHERE kek_id <> $1
         ORDER BY kek_id, id LIMIT $2 FOR UPDATE SKIP LOCKED",
        keyring.active_id(),
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut done = 0;
    for row in rows {
        let secret = open(keyring, row.endpoint_id, &row.sealed)?;
        sqlx::query!(
            "UPDATE endpoint_secrets SET kek_id = $2, sealed = $3, updated_at = $4 WHERE id = $1",
            row.id,
            keyring.active_id(),
            keyring.seal(PURPOSE, row.endpoint_id.as_bytes(), secret.as_bytes()),
            now
        )
        .execute(&mut *conn)
        .await?;
        done += 1;
    }
    Ok(done)
}
