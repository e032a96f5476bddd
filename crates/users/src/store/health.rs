//! What must never be found in the role's tables.

use sqlx::PgConnection;
use uuid::Uuid;

/// A rule that a row breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Short name of the rule.
    pub rule: String,
    /// The user concerned.
    pub user_id: Uuid,
}

/// Rows that break a rule, up to `limit`.
pub async fn violations(conn: &mut PgConnection, limit: i64) -> Result<Vec<Violation>, sqlx::Error> {
    sqlx::query_as!(
        Violation,
        r#"SELECT rule AS "rule!", user_id AS "user_id!" FROM (
               SELECT 'user_without_data_key' AS rule, id AS user_id FROM users u
               WHERE deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM data_keys k WHERE k.subject_id = u.id)
               UNION ALL
               SELECT 'data_key_of_deleted_user', u.id FROM users u JOIN data_keys k ON k.subject_id = u.id
               WHERE u.deleted_at IS NOT NULL
               UNION ALL
               SELECT 'address_of_deleted_user', u.id FROM users u JOIN addresses a ON a.user_id = u.id
               WHERE u.deleted_at IS NOT NULL
               UNION ALL
               SELECT 'session_of_closed_user', u.id FROM users u JOIN sessions s ON s.user_id = u.id
               WHERE s.revoked_at IS NULL AND (u.deleted_at IS NOT NULL OR u.status = 'suspended')
               UNION ALL
               SELECT 'version_differs_from_events', u.id FROM users u
               WHERE version <> (SELECT coalesce(max(e.version), 0) FROM events e
                                 WHERE e.aggregate = 'user' AND e.aggregate_id = u.id)
           ) AS found ORDER BY 1, 2 LIMIT $1"#,
        limit
    )
    .fetch_all(conn)
    .await
}
