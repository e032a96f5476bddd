//! The table `inbox`.

use chrono::TimeDelta;
use events::Envelope;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

/// What a consumer has to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Handle it: the row is written.
    New,
    /// Nothing: it was handled before.
    Known,
    /// Put it behind an event of the same object that is among the dead letters.
    Parked,
}

/// Enters an event, unless it is known or must wait. One that is being handled elsewhere is waited for.
pub(crate) async fn enter(conn: &mut PgConnection, consumer: &str, event: &Envelope) -> Result<Entry, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        WITH parked AS MATERIALIZED (
            SELECT EXISTS (SELECT FROM dead_letters
                           WHERE consumer = $1 AND aggregate = $3 AND aggregate_id = $4)
               AND NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = $2) AS yes
        ), entered AS (
            INSERT INTO inbox (consumer, event_id) SELECT $1, $2 FROM parked WHERE NOT parked.yes
            ON CONFLICT DO NOTHING RETURNING 1
        )
        SELECT parked.yes AS "parked!", EXISTS (SELECT FROM entered) AS "entered!" FROM parked"#,
        consumer,
        event.id,
        event.aggregate,
        event.aggregate_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(match (row.parked, row.entered) {
        (true, _) => Entry::Parked,
        (false, true) => Entry::New,
        (false, false) => Entry::Known,
    })
}

/// Enters an event that is taken from the dead letters. False: another instance has handled it.
pub(crate) async fn enter_letter(
    conn: &mut PgConnection,
    consumer: &str,
    event: &Envelope,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        consumer,
        event.id,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn purge(conn: &mut PgConnection, older_than: TimeDelta) -> Result<u64, sqlx::Error> {
    let kept = PgInterval { months: 0, days: 0, microseconds: older_than.num_microseconds().unwrap_or(i64::MAX) };
    let done = sqlx::query!("DELETE FROM inbox WHERE handled_at < now() - $1::interval", kept).execute(conn).await?;
    Ok(done.rows_affected())
}
