//! What the relay does with `events`, and how far it has come.

use sqlx::PgConnection;

use super::events::EventRow;

/// Any number serves, as long as no other session lock in a role's database has it.
const RELAY_LOCK: i64 = 0x7265_6c61_7900_0001;

/// Makes this session the role's relay, unless another is. The lock ends with the session.
pub(crate) async fn try_lead(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "locked!""#, RELAY_LOCK).fetch_one(conn).await
}

/// Prepares the relay's own session. Its commits need not wait for the disk: what a crash of the server undoes is done
/// again, with the same numbers, because the events themselves are on disk before anyone can see them.
pub(crate) async fn prepare(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT set_config('synchronous_commit', 'off', false)").fetch_one(&mut *conn).await?;
    Ok(())
}

/// Numbers the next committed events, oldest first, and gives them.
pub(crate) async fn sequence_next(conn: &mut PgConnection, limit: i64) -> Result<Vec<EventRow>, sqlx::Error> {
    let mut rows = sqlx::query_as!(
        EventRow,
        r#"
        WITH batch AS MATERIALIZED (
            SELECT position, row_number() OVER (ORDER BY position) AS place
            FROM (SELECT position FROM events WHERE sequence IS NULL ORDER BY position LIMIT $1) AS next
        ), moved AS (
            UPDATE relay SET sequenced = sequenced + size.n
            FROM (SELECT count(*) AS n FROM batch) AS size WHERE size.n > 0
            RETURNING sequenced - size.n AS base
        )
        UPDATE events SET sequence = moved.base + batch.place
        FROM batch, moved WHERE events.position = batch.position AND events.sequence IS NULL
        RETURNING events.id, events.sequence, events.aggregate, events.aggregate_id, events.version, events.kind,
                  events.data, events.occurred_at, events.trace_parent"#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.sort_unstable_by_key(|row| row.sequence);
    Ok(rows)
}

/// The next events that are numbered but not known to be published: what a relay that died left behind.
pub(crate) async fn unpublished(conn: &mut PgConnection, limit: i64) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        "SELECT id, sequence, aggregate, aggregate_id, version, kind, data, occurred_at, trace_parent
         FROM events WHERE sequence > (SELECT published FROM relay) ORDER BY sequence LIMIT $1",
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Everything up to `sequence` is safe with the transport.
pub(crate) async fn set_published(conn: &mut PgConnection, sequence: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE relay SET published = $1 WHERE published < $1", sequence).execute(conn).await?;
    Ok(())
}

/// How many events are committed but not published, counted up to `limit` and what is numbered.
pub(crate) async fn lag(conn: &mut PgConnection, limit: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT (SELECT sequenced - published FROM relay)
                + (SELECT count(*) FROM (SELECT FROM events WHERE sequence IS NULL LIMIT $1) AS waiting) AS "lag!""#,
        limit,
    )
    .fetch_one(conn)
    .await
}
