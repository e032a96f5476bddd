//! The table `dead_letters`.

use events::Envelope;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// An event that a consumer gave up on.
pub(crate) struct DeadLetterRow {
    pub(crate) id: Uuid,
    pub(crate) envelope: Json<Envelope>,
}

/// An object with dead letters.
pub(crate) struct Stuck {
    pub(crate) aggregate: String,
    pub(crate) aggregate_id: Uuid,
}

/// Keeps an event that a consumer gives up on, once.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    consumer: &str,
    event: &Envelope,
    error: &str,
    attempts: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO dead_letters (id, consumer, event_id, aggregate, aggregate_id, version, envelope, error, attempts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
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

/// The objects that a consumer is stuck on.
pub(crate) async fn stuck(conn: &mut PgConnection, consumer: &str) -> Result<Vec<Stuck>, sqlx::Error> {
    sqlx::query_as!(
        Stuck,
        "SELECT aggregate, aggregate_id FROM dead_letters WHERE consumer = $1
         GROUP BY aggregate, aggregate_id ORDER BY min(created_at)",
        consumer,
    )
    .fetch_all(conn)
    .await
}

/// An object's first dead letter, locked.
pub(crate) async fn first(
    conn: &mut PgConnection,
    consumer: &str,
    object: &Stuck,
) -> Result<Option<DeadLetterRow>, sqlx::Error> {
    sqlx::query_as!(
        DeadLetterRow,
        r#"SELECT id, envelope AS "envelope: Json<Envelope>" FROM dead_letters
           WHERE consumer = $1 AND aggregate_id = $2 AND aggregate = $3 ORDER BY version LIMIT 1 FOR UPDATE"#,
        consumer,
        object.aggregate_id,
        object.aggregate,
    )
    .fetch_optional(conn)
    .await
}

pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM dead_letters WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// Notes that a dead letter failed again.
pub(crate) async fn failed_again(conn: &mut PgConnection, id: Uuid, error: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE dead_letters SET error = $2, attempts = attempts + 1, updated_at = now() WHERE id = $1",
        id,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}
