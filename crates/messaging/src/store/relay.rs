//! What the relay does with `events`, and how far it has come.

use std::time::Duration;

use sqlx::PgConnection;

use super::events::EventRow;
use crate::relay::Backlog;

/// Any number serves, as long as no other session lock in a role's database has it.
const RELAY_LOCK: i64 = 0x7265_6c61_7900_0001;

/// Makes this session the role's relay, unless another is. The lock ends with the session.
pub(crate) async fn try_lead(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "locked!""#, RELAY_LOCK).fetch_one(conn).await
}

/// Prepares the relay's own session.
///
/// Its few statements must not depend on what the statistics say of a table that changes faster than they do: right after
/// a bulk of events, a plan that took the queue to be empty needed seconds for a batch instead of milliseconds.
///
/// Its commits do wait for the disk: numbers that a crash of the server undoes could be given anew in another order, when an
/// event of an earlier position was committed meanwhile, and the outside world has seen them.
///
/// A session that says nothing for longer than `silence` is ended by the server, so that its lock is free for another.
pub(crate) async fn prepare(conn: &mut PgConnection, silence: Option<Duration>) -> Result<(), sqlx::Error> {
    for setting in ["enable_nestloop", "enable_seqscan", "jit"] {
        sqlx::query!("SELECT set_config($1, 'off', false)", setting).fetch_one(&mut *conn).await?;
    }
    if let Some(silence) = silence {
        let milliseconds = silence.as_millis().to_string();
        sqlx::query!("SELECT set_config('idle_session_timeout', $1, false)", milliseconds).fetch_one(conn).await?;
    }
    Ok(())
}

/// The last sequence that was given.
pub(crate) async fn last_sequence(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("SELECT sequenced FROM relay").fetch_one(conn).await
}

/// The next committed events, oldest first, numbered from `last` on.
pub(crate) async fn sequence_next(
    conn: &mut PgConnection,
    last: i64,
    limit: i64,
) -> Result<Vec<EventRow>, sqlx::Error> {
    let mut rows = sqlx::query_as!(
        EventRow,
        "SELECT position, id, sequence, aggregate, aggregate_id, version, kind, data, occurred_at, trace_parent
         FROM events WHERE sequence IS NULL ORDER BY position LIMIT $1",
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    let (Some(first), Some(end)) = (rows.first(), rows.last()) else { return Ok(rows) };
    let (first, end) = (first.position, end.position);
    let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
    let sequences: Vec<i64> = (last + 1..).take(rows.len()).collect();
    // The range keeps the scan short, whatever the planner takes first.
    let done = sqlx::query!(
        "WITH moved AS (UPDATE relay SET sequenced = $6 WHERE sequenced = $5 RETURNING 1)
         UPDATE events SET sequence = next.sequence
         FROM unnest($1::bigint[], $2::bigint[]) AS next (position, sequence)
         WHERE events.position = next.position AND events.sequence IS NULL AND events.position BETWEEN $3 AND $4
           AND EXISTS (SELECT FROM moved)",
        &positions,
        &sequences,
        first,
        end,
        last,
        last + i64::try_from(rows.len()).unwrap_or(0),
    )
    .execute(conn)
    .await?;
    if done.rows_affected() != rows.len() as u64 {
        return Err(sqlx::Error::Protocol("someone else numbers the events of this role".to_owned()));
    }
    for (row, sequence) in rows.iter_mut().zip(sequences) {
        row.sequence = Some(sequence);
    }
    Ok(rows)
}

/// The next events that are numbered but not known to be published: what a relay that died left behind.
pub(crate) async fn unpublished(conn: &mut PgConnection, limit: i64) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        "SELECT position, id, sequence, aggregate, aggregate_id, version, kind, data, occurred_at, trace_parent
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

/// What is committed but not published, and what consumers of this role gave up on. Counts stop at `limit`.
pub(crate) async fn backlog(conn: &mut PgConnection, limit: i64) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT relay.sequenced - relay.published
                + (SELECT count(*) FROM (SELECT FROM events WHERE sequence IS NULL LIMIT $1) AS waiting) AS "events!",
             COALESCE(
                EXTRACT(EPOCH FROM now() - COALESCE(
                    (SELECT occurred_at FROM events WHERE sequence = relay.published + 1),
                    (SELECT occurred_at FROM events WHERE sequence IS NULL ORDER BY position LIMIT 1)))::bigint,
                0) AS "seconds!",
             (SELECT count(*) FROM (SELECT FROM dead_letters LIMIT $1) AS dead) AS "dead_letters!"
           FROM relay"#,
        limit,
    )
    .fetch_one(conn)
    .await
}
