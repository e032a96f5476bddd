//! The table `dead_letters`.

use events::Envelope;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::dead_letters::{Lane, Selection, StuckLane};

/// An event that a consumer gave up on, or will try again.
pub(crate) struct DeadLetterRow {
    pub(crate) id: Uuid,
    pub(crate) attempts: i32,
    pub(crate) error: String,
    pub(crate) envelope: Json<Envelope>,
}

/// Keeps an event that a consumer puts aside, once. Not one that another instance has handled meanwhile.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    consumer: &str,
    event: &Envelope,
    error: &str,
    attempts: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO dead_letters (id, consumer, event_id, aggregate, aggregate_id, version, envelope, error, attempts)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE NOT EXISTS (SELECT FROM inbox WHERE consumer = $2 AND event_id = $3)
         ON CONFLICT ON CONSTRAINT dead_letters_event_key DO NOTHING",
        kernel::id::new_id(),
        consumer,
        event.id,
        event.aggregate,
        event.aggregate_id,
        event.version,
        Json(event) as _,
        error,
        attempts,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The objects that a consumer has letters of.
pub(crate) async fn lanes(
    conn: &mut PgConnection,
    consumer: &str,
    selection: &Selection,
) -> Result<Vec<Lane>, sqlx::Error> {
    let (object, event) = match selection {
        Selection::All => (None, None),
        Selection::Object(id) => (Some(*id), None),
        Selection::Event(id) => (None, Some(*id)),
    };
    sqlx::query_as!(
        Lane,
        "SELECT aggregate, aggregate_id FROM dead_letters
         WHERE consumer = $1 AND ($2::uuid IS NULL OR aggregate_id = $2) AND ($3::uuid IS NULL OR event_id = $3)
         GROUP BY aggregate, aggregate_id ORDER BY min(created_at)",
        consumer,
        object,
        event,
    )
    .fetch_all(conn)
    .await
}

/// The objects whose first letter was tried less than `attempts` times, with how often it was.
pub(crate) async fn retrying(
    conn: &mut PgConnection,
    consumer: &str,
    attempts: i32,
    limit: i64,
) -> Result<Vec<(Lane, i32)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT aggregate, aggregate_id, attempts FROM (
             SELECT DISTINCT ON (aggregate_id, aggregate) aggregate, aggregate_id, attempts FROM dead_letters
             WHERE consumer = $1 ORDER BY aggregate_id, aggregate, version) AS fronts
         WHERE attempts < $2 LIMIT $3",
        consumer,
        attempts,
        limit,
    )
    .fetch_all(conn)
    .await?;
    let lane = |aggregate, aggregate_id| Lane { aggregate, aggregate_id };
    Ok(rows.into_iter().map(|row| (lane(row.aggregate, row.aggregate_id), row.attempts)).collect())
}

/// The first letter of each object, with how many wait behind it.
pub(crate) async fn stuck(
    conn: &mut PgConnection,
    consumer: Option<&str>,
    limit: i64,
) -> Result<Vec<StuckLane>, sqlx::Error> {
    sqlx::query_as!(
        StuckLane,
        r#"SELECT DISTINCT ON (consumer, aggregate_id, aggregate)
                  consumer, aggregate, aggregate_id, event_id, version, envelope->>'kind' AS "kind!", error, attempts,
                  created_at AS since, updated_at AS last_tried,
                  count(*) OVER (PARTITION BY consumer, aggregate_id, aggregate) - 1 AS "behind!"
           FROM dead_letters WHERE $1::text IS NULL OR consumer = $1
           ORDER BY consumer, aggregate_id, aggregate, version LIMIT $2"#,
        consumer,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// The next letter of an object, as it is.
pub(crate) async fn front(
    conn: &mut PgConnection,
    consumer: &str,
    lane: &Lane,
) -> Result<Option<DeadLetterRow>, sqlx::Error> {
    sqlx::query_as!(
        DeadLetterRow,
        r#"SELECT id, attempts, error, envelope AS "envelope: Json<Envelope>" FROM dead_letters
           WHERE consumer = $1 AND aggregate_id = $2 AND aggregate = $3 ORDER BY version LIMIT 1"#,
        consumer,
        lane.aggregate_id,
        lane.aggregate,
    )
    .fetch_optional(conn)
    .await
}

/// The next letter of an object, for whoever handles it now. None too when somebody else just took one out.
pub(crate) async fn take_front(
    conn: &mut PgConnection,
    consumer: &str,
    lane: &Lane,
) -> Result<Option<DeadLetterRow>, sqlx::Error> {
    sqlx::query_as!(
        DeadLetterRow,
        r#"SELECT id, attempts, error, envelope AS "envelope: Json<Envelope>" FROM dead_letters
           WHERE consumer = $1 AND aggregate_id = $2 AND aggregate = $3 ORDER BY version LIMIT 1 FOR UPDATE"#,
        consumer,
        lane.aggregate_id,
        lane.aggregate,
    )
    .fetch_optional(conn)
    .await
}

/// Keeps the next letter of an object where it is, and tells how often it was tried. None when it was just taken out.
pub(crate) async fn hold_front(
    conn: &mut PgConnection,
    consumer: &str,
    event: &Envelope,
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT attempts FROM dead_letters
         WHERE consumer = $1 AND aggregate_id = $2 AND aggregate = $3 ORDER BY version LIMIT 1 FOR SHARE",
        consumer,
        event.aggregate_id,
        event.aggregate,
    )
    .fetch_optional(conn)
    .await
}

pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM dead_letters WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// Notes that a letter failed again, unless somebody else tried it meanwhile.
pub(crate) async fn failed_again(
    conn: &mut PgConnection,
    letter: &DeadLetterRow,
    attempts: i32,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE dead_letters SET error = $4, attempts = $3, updated_at = now() WHERE id = $1 AND attempts = $2",
        letter.id,
        letter.attempts,
        attempts,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which of these events are not among a consumer's letters any more.
pub(crate) async fn gone(conn: &mut PgConnection, consumer: &str, events: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM unnest($2::uuid[]) AS asked (id)
           WHERE NOT EXISTS (SELECT FROM dead_letters WHERE consumer = $1 AND event_id = asked.id)"#,
        consumer,
        events,
    )
    .fetch_all(conn)
    .await
}
