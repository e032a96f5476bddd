//! Persons' data keys, wrapped.

use chrono::{DateTime, Utc};
use crypto::{Keyring, PersonKey, WrappedKey};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;

/// Stores the key of a new person.
pub async fn insert(
    conn: &mut PgConnection,
    subject: Uuid,
    key: &WrappedKey,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO data_keys (subject_id, kek_id, wrapped, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
        subject,
        key.kek_id,
        key.bytes,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The key of a person; none when it was destroyed.
pub async fn find(conn: &mut PgConnection, keyring: &Keyring, subject: Uuid) -> Result<Option<PersonKey>, sqlx::Error> {
    let row = sqlx::query!("SELECT kek_id, wrapped FROM data_keys WHERE subject_id = $1", subject).fetch_optional(conn);
    let wrapped = row.await?.map(|row| WrappedKey { kek_id: row.kek_id, bytes: row.wrapped });
    wrapped.map(|wrapped| keyring.open_person_key(subject, &wrapped).map_err(unreadable)).transpose()
}

/// Destroys the key of a person: nothing that was sealed for them can be read any more.
pub async fn destroy(conn: &mut PgConnection, subject: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM data_keys WHERE subject_id = $1", subject).execute(conn).await?;
    Ok(())
}

/// Locks keys that are not under `active`, up to `limit`; those that another worker holds are left out.
pub async fn lock_outdated(
    conn: &mut PgConnection,
    active: &str,
    limit: i64,
) -> Result<Vec<(Uuid, WrappedKey)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT subject_id, kek_id, wrapped FROM data_keys WHERE kek_id <> $1
         ORDER BY kek_id, subject_id LIMIT $2 FOR UPDATE SKIP LOCKED",
        active,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.subject_id, WrappedKey { kek_id: r.kek_id, bytes: r.wrapped })).collect())
}

/// Puts re-wrapped keys in place.
pub async fn replace(
    conn: &mut PgConnection,
    keys: Vec<(Uuid, WrappedKey)>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut subjects = Vec::with_capacity(keys.len());
    let mut keks = Vec::with_capacity(keys.len());
    let mut wrapped = Vec::with_capacity(keys.len());
    for (subject, key) in keys {
        subjects.push(subject);
        keks.push(key.kek_id);
        wrapped.push(key.bytes);
    }
    sqlx::query!(
        "UPDATE data_keys SET kek_id = new.kek_id, wrapped = new.wrapped, updated_at = $4
         FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS new (subject_id, kek_id, wrapped)
         WHERE data_keys.subject_id = new.subject_id",
        &subjects,
        &keks,
        &wrapped,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
