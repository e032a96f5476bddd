//! Lanes: what waits for one object at one endpoint, in the object's order. The first is pending, the others are parked.
//!
//! Whoever puts something in a lane or takes something out holds the object's lock and keeps the endpoint's row from being
//! locked for a change. Whoever changes lanes of an endpoint as a whole locks its row instead.

use chrono::{DateTime, Utc};
use events::Envelope;
use sqlx::PgConnection;
use uuid::Uuid;

/// Locks an object's lanes at all endpoints until the transaction ends.
pub async fn lock_object(conn: &mut PgConnection, aggregate_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('lane ' || $1::text, 0))", aggregate_id.to_string())
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// The endpoints that want events which match one of `entries`, disabled ones too; none of them changes its lanes as a
/// whole until the transaction ends.
pub async fn hold_matching(conn: &mut PgConnection, entries: &[String]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM endpoints WHERE deleted_at IS NULL AND event_types && $1 ORDER BY id FOR KEY SHARE",
        entries
    )
    .fetch_all(conn)
    .await
}

/// Puts an event in its object's lane at each of these endpoints, last.
pub async fn append(
    conn: &mut PgConnection,
    endpoints: &[Uuid],
    event: &Envelope,
    body: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = endpoints.iter().map(|_| kernel::id::new_id()).collect();
    sqlx::query!(
        "INSERT INTO deliveries (id, endpoint_id, event_id, kind, aggregate, aggregate_id, version, body, status,
                                 next_attempt_at, created_at, updated_at)
         SELECT new.id, new.endpoint_id, $3, $4, $5, $6, $7, $8,
                CASE WHEN EXISTS (SELECT FROM deliveries d
                                  WHERE d.endpoint_id = new.endpoint_id AND d.aggregate_id = $6 AND d.aggregate = $5
                                    AND d.status IN ('pending', 'parked'))
                     THEN 'parked' ELSE 'pending' END,
                $9, $9, $9
         FROM unnest($1::uuid[], $2::uuid[]) AS new (id, endpoint_id)
         ON CONFLICT ON CONSTRAINT deliveries_event_key DO NOTHING",
        &ids,
        endpoints,
        event.id,
        event.kind,
        event.aggregate,
        event.aggregate_id,
        event.version,
        body,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the first parked delivery of every lane of an endpoint pending where nothing is; of one object's lane alone when
/// `aggregate_id` is given.
pub async fn settle(
    conn: &mut PgConnection,
    endpoint: Uuid,
    aggregate_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deliveries SET status = 'pending', next_attempt_at = $3, updated_at = $3
         WHERE id IN (SELECT DISTINCT ON (p.aggregate_id, p.aggregate) p.id FROM deliveries p
                      WHERE p.endpoint_id = $1 AND ($2::uuid IS NULL OR p.aggregate_id = $2) AND p.status = 'parked'
                        AND NOT EXISTS (SELECT FROM deliveries first
                                        WHERE first.endpoint_id = $1 AND first.aggregate_id = p.aggregate_id
                                          AND first.aggregate = p.aggregate AND first.status = 'pending')
                      ORDER BY p.aggregate_id, p.aggregate, p.version)",
        endpoint,
        aggregate_id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes everything that is pending for an endpoint due now, with all its attempts.
pub async fn resume(conn: &mut PgConnection, endpoint: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deliveries SET next_attempt_at = $2, attempts = 0, updated_at = $2
         WHERE endpoint_id = $1 AND status = 'pending' AND lease IS NULL",
        endpoint,
        now
    )
    .execute(&mut *conn)
    .await?;
    settle(conn, endpoint, None, now).await
}
