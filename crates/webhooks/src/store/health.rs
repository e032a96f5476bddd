//! What `doctor` and the metrics ask.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule is broken.
    pub rule: String,
    /// By which endpoint or delivery.
    pub id: Uuid,
}

/// Deliveries that nobody sends although they are due since before `overdue`, lanes that nothing leads, endpoints that
/// were disabled because they failed.
pub async fn violations(
    conn: &mut PgConnection,
    overdue: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Violation>, sqlx::Error> {
    sqlx::query_as!(
        Violation,
        r#"SELECT rule AS "rule!", id AS "id!" FROM (
               SELECT 'webhook_lease_expired' AS rule, d.id FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
               WHERE d.status = 'pending' AND d.lease IS NOT NULL AND d.next_attempt_at < $1
                 AND e.status = 'enabled' AND e.deleted_at IS NULL
               UNION ALL
               SELECT 'webhook_overdue', d.id FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
               WHERE d.status = 'pending' AND d.lease IS NULL AND d.next_attempt_at < $1
                 AND e.status = 'enabled' AND e.deleted_at IS NULL
               UNION ALL
               SELECT 'webhook_parked_behind_nothing', d.id FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
               WHERE d.status = 'parked' AND e.status = 'enabled' AND e.deleted_at IS NULL
                 AND NOT EXISTS (SELECT FROM deliveries first
                                 WHERE first.endpoint_id = d.endpoint_id AND first.aggregate_id = d.aggregate_id
                                   AND first.aggregate = d.aggregate AND first.status = 'pending')
               UNION ALL
               SELECT 'webhook_endpoint_disabled', id FROM endpoints
               WHERE deleted_at IS NULL AND disabled_reason IN ('FAILING', 'GONE')
           ) AS found ORDER BY 1, 2 LIMIT $2"#,
        overdue,
        limit
    )
    .fetch_all(conn)
    .await
}

/// What waits.
pub struct Figures {
    /// Deliveries that are sent or tried again.
    pub pending: i64,
    /// Deliveries that wait behind those.
    pub parked: i64,
    /// When the oldest of both was made.
    pub oldest: Option<DateTime<Utc>>,
    /// Endpoints that are disabled.
    pub disabled: i64,
}

/// What waits for endpoints that are enabled. Counts stop at `limit`.
pub async fn figures(conn: &mut PgConnection, limit: i64) -> Result<Figures, sqlx::Error> {
    sqlx::query_as!(
        Figures,
        r#"WITH waiting AS (
               SELECT d.status, d.created_at FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
               WHERE d.status IN ('pending', 'parked') AND e.status = 'enabled' AND e.deleted_at IS NULL LIMIT $1
           )
           SELECT (SELECT count(*) FROM waiting WHERE status = 'pending') AS "pending!",
                  (SELECT count(*) FROM waiting WHERE status = 'parked') AS "parked!",
                  (SELECT min(created_at) FROM waiting) AS oldest,
                  (SELECT count(*) FROM endpoints WHERE status = 'disabled' AND deleted_at IS NULL) AS "disabled!""#,
        limit
    )
    .fetch_one(conn)
    .await
}
