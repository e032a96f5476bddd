//! Deliveries and their attempts, as staff sees them.

use chrono::{DateTime, Utc};
use kernel::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::delivery::{Attempt, Delivery, MAX_REDELIVERED, SHOWN_ATTEMPTS, Status};
use crate::ops::MadeAttempt;
use crate::sender::client::Outcome;

/// By which a list of deliveries is sorted.
pub type ListKey = (DateTime<Utc>, Uuid);

struct Row {
    id: Uuid,
    endpoint_id: Uuid,
    event_id: Uuid,
    kind: String,
    aggregate: String,
    aggregate_id: Uuid,
    version: i64,
    body: String,
    status: String,
    attempts: i32,
    next_attempt_at: DateTime<Utc>,
    delivered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        // The table's own check lets no other name in.
        let status = Status::parse(&row.status).unwrap_or(Status::Failed);
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            event_id: row.event_id,
            kind: row.kind,
            aggregate: row.aggregate,
            aggregate_id: row.aggregate_id,
            version: row.version,
            body: row.body,
            status,
            attempts: row.attempts,
            next_attempt_at: Some(row.next_attempt_at).filter(|_| status == Status::Pending),
            delivered_at: row.delivered_at,
            created_at: row.created_at,
        }
    }
}

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this endpoint.
    pub endpoint_id: Option<Uuid>,
    /// With this status.
    pub status: Option<Status>,
    /// Of events of this kind.
    pub event_type: Option<String>,
    /// Of events of this object.
    pub object_id: Option<Uuid>,
    /// Made from then on.
    pub from: Option<DateTime<Utc>>,
    /// Made before.
    pub until: Option<DateTime<Utc>>,
}

/// A delivery, unless its endpoint was deleted.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<Delivery>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT d.id, d.endpoint_id, d.event_id, d.kind, d.aggregate, d.aggregate_id, d.version, d.body, d.status,
                d.attempts, d.next_attempt_at, d.delivered_at, d.created_at
         FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id WHERE d.id = $1 AND e.deleted_at IS NULL",
        id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Delivery::from))
}

/// The delivery of an event to an endpoint.
pub async fn of_event(conn: &mut PgConnection, endpoint: Uuid, event: Uuid) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM deliveries WHERE endpoint_id = $1 AND event_id = $2", endpoint, event)
        .fetch_one(conn)
        .await
}

/// Deliveries, the newest first.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    page: &PageRequest<ListKey>,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "SELECT d.id, d.endpoint_id, d.event_id, d.kind, d.aggregate, d.aggregate_id, d.version, d.body, d.status,
                d.attempts, d.next_attempt_at, d.delivered_at, d.created_at
         FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
         WHERE e.deleted_at IS NULL
           AND ($4::uuid IS NULL OR d.endpoint_id = $4) AND ($5::text IS NULL OR d.status = $5)
           AND ($6::text IS NULL OR d.kind = $6) AND ($7::uuid IS NULL OR d.aggregate_id = $7)
           AND d.created_at >= coalesce($8, '-infinity'::timestamptz)
           AND d.created_at < coalesce($9, 'infinity'::timestamptz)
           AND (d.created_at, d.id) < (coalesce($1, 'infinity'::timestamptz),
                                       coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
         ORDER BY d.created_at DESC, d.id DESC LIMIT $3",
        after_time,
        after_id,
        page.fetch(),
        filter.endpoint_id,
        filter.status.map(Status::as_str),
        filter.event_type,
        filter.object_id,
        filter.from,
        filter.until
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

/// The latest attempts of a delivery, in order.
pub async fn attempts(conn: &mut PgConnection, id: Uuid) -> Result<Vec<Attempt>, sqlx::Error> {
    let mut latest = sqlx::query_as!(
        Attempt,
        "SELECT number, http_status, error, duration_ms, answer, created_at FROM attempts
         WHERE delivery_id = $1 ORDER BY number DESC LIMIT $2",
        id,
        SHOWN_ATTEMPTS
    )
    .fetch_all(conn)
    .await?;
    latest.reverse();
    Ok(latest)
}

/// Keeps an attempt. The delivery is leased, so nobody else adds one.
pub async fn add_attempt(conn: &mut PgConnection, id: Uuid, made: &MadeAttempt) -> Result<(), sqlx::Error> {
    let (status, error, answer) = match &made.outcome {
        Outcome::Answered { status, answer, .. } => (Some(i32::from(*status)), None, Some(answer)),
        Outcome::Unanswered(code) => (None, Some(code), None),
    };
    sqlx::query!(
        "INSERT INTO attempts (delivery_id, number, http_status, error, duration_ms, answer, created_at)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6 FROM attempts WHERE delivery_id = $1",
        id,
        status,
        error,
        i64::try_from(made.took.as_millis()).unwrap_or(i64::MAX),
        answer,
        made.at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts a delivery back in its lane, due now if nothing of its object waits. The lane is locked.
pub async fn put_back(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deliveries SET
             status = CASE WHEN status IN ('pending', 'parked') THEN status
                           WHEN EXISTS (SELECT FROM deliveries other
                                        WHERE other.endpoint_id = deliveries.endpoint_id
                                          AND other.aggregate_id = deliveries.aggregate_id
                                          AND other.aggregate = deliveries.aggregate
                                          AND other.status IN ('pending', 'parked')) THEN 'parked'
                           ELSE 'pending' END,
             next_attempt_at = CASE WHEN lease IS NULL THEN $2 ELSE next_attempt_at END,
             attempts = 0, updated_at = $2
         WHERE id = $1",
        id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts deliveries of an endpoint that are done back in their lanes, parked; tells how many those are, or nothing when they
/// are too many. The endpoint is locked.
pub async fn park_range(
    conn: &mut PgConnection,
    endpoint: Uuid,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    statuses: &[&str],
    now: DateTime<Utc>,
) -> Result<Option<u64>, sqlx::Error> {
    let statuses: Vec<String> = statuses.iter().map(|status| (*status).to_owned()).collect();
    let chosen = sqlx::query_scalar!(
        "SELECT id FROM deliveries
         WHERE endpoint_id = $1 AND created_at >= $2 AND created_at < $3 AND status = ANY ($4) LIMIT $5",
        endpoint,
        from,
        until,
        &statuses,
        MAX_REDELIVERED + 1
    )
    .fetch_all(&mut *conn)
    .await?;
    if i64::try_from(chosen.len()).is_ok_and(|count| count > MAX_REDELIVERED) {
        return Ok(None);
    }
    let done = sqlx::query!(
        "UPDATE deliveries SET status = 'parked', attempts = 0, updated_at = $2 WHERE id = ANY ($1)",
        &chosen,
        now
    )
    .execute(conn)
    .await?;
    Ok(Some(done.rows_affected()))
}

/// Deletes up to `limit` deliveries that are older than `before` and done, or whose endpoint takes none; and those of deleted
/// endpoints, however old. Tells how many those were.
pub async fn purge(conn: &mut PgConnection, before: DateTime<Utc>, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM deliveries WHERE id IN (
             (SELECT d.id FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
              WHERE d.created_at < $1 AND (d.status IN ('delivered', 'failed') OR e.status = 'disabled') LIMIT $2)
             UNION ALL
             (SELECT d.id FROM endpoints e JOIN deliveries d ON d.endpoint_id = e.id
              WHERE e.deleted_at IS NOT NULL LIMIT $2))",
        before,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
