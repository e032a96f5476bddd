//! Deliveries that are due, and what comes of them. A lease says who sends a delivery; when it ends, anybody may.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A delivery to send now.
#[derive(Clone, Debug)]
pub struct Leased {
    /// The id.
    pub id: Uuid,
    /// To whom.
    pub endpoint_id: Uuid,
    /// Of which object.
    pub aggregate_id: Uuid,
    /// Where the endpoint is.
    pub url: String,
    /// What to send.
    pub body: String,
    /// Failed attempts since it was made or last asked for again.
    pub attempts: i32,
    /// This lease.
    pub lease: Uuid,
}

/// Whom and how much to send at once.
pub struct Room<'a> {
    /// Deliveries at most.
    pub total: usize,
    /// Deliveries to one endpoint at most.
    pub per_endpoint: usize,
    /// Endpoints that are being sent to, and how many deliveries to each.
    pub busy: &'a [(Uuid, usize)],
}

/// Takes deliveries that are due, some of each endpoint, the longest due first. Those that others take are left out.
pub async fn take(
    conn: &mut PgConnection,
    room: &Room<'_>,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Leased>, sqlx::Error> {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (endpoints, busy): (Vec<Uuid>, Vec<i64>) = room.busy.iter().map(|(id, busy)| (*id, count(*busy))).unzip();
    let lease = Uuid::new_v4();
    sqlx::query_as!(
        Leased,
        r#"WITH due AS (
               SELECT d.id FROM endpoints e
               LEFT JOIN unnest($1::uuid[], $2::bigint[]) AS busy (endpoint_id, sending) ON busy.endpoint_id = e.id
               CROSS JOIN LATERAL (
                   SELECT id, next_attempt_at FROM deliveries
                   WHERE endpoint_id = e.id AND status = 'pending' AND next_attempt_at <= $5
                   ORDER BY next_attempt_at LIMIT greatest($3 - coalesce(busy.sending, 0), 0)
                   FOR UPDATE SKIP LOCKED
               ) AS d
               WHERE e.status = 'enabled' AND e.deleted_at IS NULL
               ORDER BY d.next_attempt_at LIMIT $4
           )
           UPDATE deliveries SET lease = $7, next_attempt_at = $6, updated_at = $5
           FROM due, endpoints e WHERE deliveries.id = due.id AND e.id = deliveries.endpoint_id
           RETURNING deliveries.id, deliveries.endpoint_id, deliveries.aggregate_id, e.url, deliveries.body,
                     deliveries.attempts, deliveries.lease AS "lease!""#,
        &endpoints,
        &busy,
        count(room.per_endpoint),
        count(room.total),
        now,
        until,
        lease
    )
    .fetch_all(conn)
    .await
}

/// What a delivery becomes after an attempt.
pub struct Verdict {
    /// `pending`, `delivered` or `failed`.
    pub status: &'static str,
    /// Failed attempts so far.
    pub attempts: i32,
    /// When it is tried again, if it is.
    pub next_attempt_at: DateTime<Utc>,
}

/// Ends a lease with what came of it; false when the lease was lost meanwhile, and nothing was written.
pub async fn end(
    conn: &mut PgConnection,
    leased: &Leased,
    verdict: &Verdict,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE deliveries
         SET lease = NULL, status = $3, attempts = $4, next_attempt_at = $5, updated_at = $6,
             delivered_at = CASE WHEN $3 = 'delivered' THEN $6 ELSE delivered_at END
         WHERE id = $1 AND lease = $2",
        leased.id,
        leased.lease,
        verdict.status,
        verdict.attempts,
        verdict.next_attempt_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps an endpoint's lanes from being changed as a whole until the transaction ends; tells whether it counts as failing.
pub async fn hold_endpoint(conn: &mut PgConnection, endpoint: Uuid) -> Result<bool, sqlx::Error> {
    let failing = sqlx::query_scalar!(
        r#"SELECT failing_since IS NOT NULL AS "failing!" FROM endpoints WHERE id = $1 FOR KEY SHARE"#,
        endpoint
    );
    Ok(failing.fetch_optional(conn).await?.unwrap_or(false))
}

/// An endpoint took something: it does not count as failing any more.
pub async fn mark_working(conn: &mut PgConnection, endpoint: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE endpoints SET failing_since = NULL WHERE id = $1", endpoint).execute(conn).await?;
    Ok(())
}

/// An endpoint failed: it counts as failing from then on, or from before.
pub async fn mark_failing(conn: &mut PgConnection, endpoint: Uuid, since: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE endpoints SET failing_since = coalesce(failing_since, $2) WHERE id = $1", endpoint, since)
        .execute(conn)
        .await?;
    Ok(())
}
