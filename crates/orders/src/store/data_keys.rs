//! Persons' data keys, wrapped.

use crypto::WrappedKey;
use sqlx::PgConnection;
use uuid::Uuid;

/// What is stored for a person.
#[derive(Clone, Debug)]
pub enum StoredKey {
    /// Nothing yet.
    None,
    /// A key.
    Wrapped(WrappedKey),
    /// The mark that there was one.
    Destroyed,
}

impl StoredKey {
    /// From the columns of a row, all null when there is no row.
    pub fn from_columns(subject: Option<Uuid>, kek_id: Option<String>, wrapped_key: Option<Vec<u8>>) -> Self {
        match (subject, kek_id, wrapped_key) {
            (Some(_), Some(kek_id), Some(bytes)) => Self::Wrapped(WrappedKey { kek_id, bytes }),
            (Some(_), ..) => Self::Destroyed,
            (None, ..) => Self::None,
        }
    }
}

/// The key of a person.
pub async fn find(conn: &mut PgConnection, subject: Uuid) -> Result<StoredKey, sqlx::Error> {
    let row = sqlx::query!("SELECT kek_id, wrapped_key FROM data_keys WHERE subject = $1", subject);
    let row = row.fetch_optional(conn).await?;
    Ok(row.map_or(StoredKey::None, |row| StoredKey::from_columns(Some(subject), row.kek_id, row.wrapped_key)))
}

/// Keeps a new key. False when another was first.
pub async fn insert(conn: &mut PgConnection, subject: Uuid, key: &WrappedKey) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO data_keys (subject, kek_id, wrapped_key) VALUES ($1, $2, $3) ON CONFLICT (subject) DO NOTHING",
        subject,
        key.kek_id,
        key.bytes
    );
    Ok(done.execute(conn).await?.rows_affected() == 1)
}

/// Takes a key away for good; the mark stays, also for a person who had none.
pub async fn destroy(conn: &mut PgConnection, subject: Uuid) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO data_keys (subject, destroyed_at) VALUES ($1, now())
         ON CONFLICT (subject) DO UPDATE SET kek_id = NULL, wrapped_key = NULL, destroyed_at = now(), updated_at = now()
         WHERE data_keys.destroyed_at IS NULL",
        subject
    );
    done.execute(conn).await.map(drop)
}

/// Keys that are not under `active`, locked for this transaction.
pub async fn lock_outdated(
    conn: &mut PgConnection,
    active: &str,
    limit: i64,
) -> Result<Vec<(Uuid, WrappedKey)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT subject, kek_id AS "kek_id!", wrapped_key AS "wrapped_key!" FROM data_keys
           WHERE kek_id <> $1 AND wrapped_key IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED"#,
        active,
        limit
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.subject, WrappedKey { kek_id: row.kek_id, bytes: row.wrapped_key })).collect())
}

/// Stores a key that was wrapped anew.
pub async fn replace(conn: &mut PgConnection, subject: Uuid, key: &WrappedKey) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE data_keys SET kek_id = $2, wrapped_key = $3, updated_at = now() WHERE subject = $1",
        subject,
        key.kek_id,
        key.bytes
    );
    done.execute(conn).await.map(drop)
}
