//! Endpoints.

use chrono::{DateTime, Utc};
use kernel::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::endpoint::{DisabledReason, Endpoint};
use crate::domain::event_types::EventTypes;

/// By which a list of endpoints is sorted.
pub type ListKey = (DateTime<Utc>, Uuid);

struct Row {
    id: Uuid,
    url: String,
    description: String,
    event_types: Vec<String>,
    disabled_reason: Option<String>,
    failing_since: Option<DateTime<Utc>>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Endpoint {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            url: row.url,
            description: row.description,
            event_types: EventTypes::stored(row.event_types),
            // The table's own check lets no other code in.
            disabled: row.disabled_reason.as_deref().and_then(DisabledReason::parse),
            failing_since: row.failing_since,
            previous_secret_expires_at: row.previous_secret_expires_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Stores a new endpoint.
pub async fn insert(conn: &mut PgConnection, endpoint: &Endpoint) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO endpoints (id, url, description, event_types, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        endpoint.id,
        endpoint.url,
        endpoint.description,
        endpoint.event_types.as_slice(),
        endpoint.version,
        endpoint.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many there are. Holds off others who count to add one, until the transaction ends.
pub async fn count_to_add(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('endpoints', 0))").fetch_one(&mut *conn).await?;
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM endpoints WHERE deleted_at IS NULL"#).fetch_one(conn).await
}

/// An endpoint.
pub async fn find(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<Option<Endpoint>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, url, description, event_types, disabled_reason, failing_since,
                  (SELECT expires_at FROM endpoint_secrets s WHERE s.endpoint_id = endpoints.id AND s.expires_at > $2)
                      AS previous_secret_expires_at,
                  version, created_at, updated_at
           FROM endpoints WHERE id = $1 AND deleted_at IS NULL"#,
        id,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Endpoint::from))
}

/// An endpoint, locked for a change of it. Nothing is put in its lanes meanwhile, and nothing taken out.
pub async fn lock(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<Option<Endpoint>, sqlx::Error> {
    sqlx::query!("SELECT id FROM endpoints WHERE id = $1 FOR UPDATE", id).fetch_optional(&mut *conn).await?;
    find(conn, id, now).await
}

/// An endpoint, locked to note that it failed. Its lanes may be changed one by one meanwhile, but not as a whole.
pub async fn lock_for_failure(
    conn: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Endpoint>, sqlx::Error> {
    sqlx::query!("SELECT id FROM endpoints WHERE id = $1 FOR NO KEY UPDATE", id).fetch_optional(&mut *conn).await?;
    find(conn, id, now).await
}

/// Endpoints, the newest first.
pub async fn list(
    conn: &mut PgConnection,
    page: &PageRequest<ListKey>,
    now: DateTime<Utc>,
) -> Result<Vec<Endpoint>, sqlx::Error> {
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, url, description, event_types, disabled_reason, failing_since,
                  (SELECT expires_at FROM endpoint_secrets s WHERE s.endpoint_id = endpoints.id AND s.expires_at > $4)
                      AS previous_secret_expires_at,
                  version, created_at, updated_at
           FROM endpoints
           WHERE deleted_at IS NULL
             AND (created_at, id) < (coalesce($1, 'infinity'::timestamptz),
                                     coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           ORDER BY created_at DESC, id DESC LIMIT $3"#,
        after_time,
        after_id,
        page.fetch(),
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// Stores an endpoint as it is in `endpoint`, with its version.
pub async fn update(conn: &mut PgConnection, endpoint: &Endpoint) -> Result<(), sqlx::Error> {
    let disabled = endpoint.disabled.map(DisabledReason::as_str);
    sqlx::query!(
        "UPDATE endpoints
         SET url = $2, description = $3, event_types = $4, disabled_reason = $5, failing_since = $6,
             status = CASE WHEN $5::text IS NULL THEN 'enabled' ELSE 'disabled' END, version = $7, updated_at = $8
         WHERE id = $1",
        endpoint.id,
        endpoint.url,
        endpoint.description,
        endpoint.event_types.as_slice(),
        disabled,
        endpoint.failing_since,
        endpoint.version,
        endpoint.updated_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes an endpoint away. Its deliveries go later, a piece at a time.
pub async fn delete(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE endpoints SET deleted_at = $2, updated_at = $2, version = version + 1 WHERE id = $1", id, now)
        .execute(conn)
        .await?;
    Ok(())
}
