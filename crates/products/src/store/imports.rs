//! Imports: how far each has come.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::import::{Format, Reject};

/// Most rejects that are kept of an import.
pub const KEPT_REJECTS: i64 = 1000;

/// An import.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// Its id.
    pub id: Uuid,
    /// What is imported.
    pub source: String,
    /// Its format's name.
    pub format: String,
    /// `running`, `stopped`, `finished` or `failed`.
    pub state: String,
    /// Products of the source that are dealt with.
    pub position: i64,
    /// Stands for the source up to there.
    pub checksum: i64,
    /// Products added.
    pub created: i64,
    /// Products changed.
    pub updated: i64,
    /// Products that were as they should be.
    pub unchanged: i64,
    /// Products refused.
    pub rejected: i64,
    /// Rows refused.
    pub rejects: i64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last went on.
    pub updated_at: DateTime<Utc>,
}

/// A refused row, as it is kept.
#[derive(Clone, Debug)]
pub struct RejectRow {
    /// Its line.
    pub line: i64,
    /// The column.
    pub field: String,
    /// The code.
    pub code: String,
    /// The sentence.
    pub reason: String,
}

/// Adds an import.
pub async fn insert(conn: &mut PgConnection, id: Uuid, source: &str, format: Format) -> Result<(), sqlx::Error> {
    sqlx::query!("INSERT INTO product_imports (id, source, format) VALUES ($1, $2, $3)", id, source, format.as_str(),)
        .execute(conn)
        .await
        .map(drop)
}

/// One import.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<ImportRow>, sqlx::Error> {
    sqlx::query_as!(
        ImportRow,
        r#"SELECT id, source, format, state, position, checksum, created, updated, unchanged, rejected, rejects, failure,
                  created_at, updated_at
           FROM product_imports WHERE id = $1"#,
        id,
    )
    .fetch_optional(conn)
    .await
}

/// The newest import of a source that has not come to its end.
pub async fn find_open(conn: &mut PgConnection, source: &str) -> Result<Option<ImportRow>, sqlx::Error> {
    sqlx::query_as!(
        ImportRow,
        r#"SELECT id, source, format, state, position, checksum, created, updated, unchanged, rejected, rejects, failure,
                  created_at, updated_at
           FROM product_imports WHERE source = $1 AND state IN ('running', 'stopped')
           ORDER BY created_at DESC LIMIT 1"#,
        source,
    )
    .fetch_optional(conn)
    .await
}

/// The first rows that an import refused, in order.
pub async fn rejects(conn: &mut PgConnection, id: Uuid) -> Result<Vec<RejectRow>, sqlx::Error> {
    sqlx::query_as!(
        RejectRow,
        "SELECT line, field, code, reason FROM product_import_rejects WHERE import_id = $1 ORDER BY position",
        id,
    )
    .fetch_all(conn)
    .await
}

/// Writes how far an import has come and the rejects of its last batch, as far as they are kept.
pub async fn save(conn: &mut PgConnection, import: &ImportRow, rejects: &[Reject]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"UPDATE product_imports
           SET state = $2, position = $3, checksum = $4, created = $5, updated = $6, unchanged = $7, rejected = $8,
               rejects = $9, failure = $10, updated_at = now()
           WHERE id = $1"#,
        import.id,
        import.state,
        import.position,
        import.checksum,
        import.created,
        import.updated,
        import.unchanged,
        import.rejected,
        import.rejects,
        import.failure,
    )
    .execute(&mut *conn)
    .await?;
    let before = import.rejects - i64::try_from(rejects.len()).unwrap_or(i64::MAX);
    let room = usize::try_from(KEPT_REJECTS.saturating_sub(before)).unwrap_or_default();
    let kept = &rejects[..room.min(rejects.len())];
    if kept.is_empty() {
        return Ok(());
    }
    let lines: Vec<i64> = kept.iter().map(|reject| i64::try_from(reject.line).unwrap_or(i64::MAX)).collect();
    // What the file holds can stand in a reject; PostgreSQL holds no NUL.
    let fields: Vec<String> = kept.iter().map(|reject| reject.column.replace('\0', "\u{fffd}")).collect();
    let codes: Vec<&str> = kept.iter().map(|reject| &*reject.code).collect();
    let reasons: Vec<String> = kept.iter().map(|reject| reject.reason.replace('\0', "\u{fffd}")).collect();
    sqlx::query!(
        r#"INSERT INTO product_import_rejects (import_id, position, line, field, code, reason)
           SELECT $1, $2 + place, line, field, code, reason
           FROM unnest($3::int8[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
                AS r(line, field, code, reason, place)"#,
        import.id,
        before,
        &lines,
        &fields,
        &codes as &[&str],
        &reasons,
    )
    .execute(conn)
    .await
    .map(drop)
}
