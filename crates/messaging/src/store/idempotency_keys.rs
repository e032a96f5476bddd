//! The table `idempotency_keys`.

use chrono::TimeDelta;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

/// What is kept of the first request with a key.
pub(crate) struct Kept {
    pub(crate) request_hash: Vec<u8>,
    pub(crate) answer: Vec<u8>,
}

/// Claims a key for this transaction. False: another transaction has it.
pub(crate) async fn try_claim(conn: &mut PgConnection, key_hash: &[u8]) -> Result<bool, sqlx::Error> {
    let lock = key_hash.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "claimed!""#, lock).fetch_one(conn).await
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    key_hash: &[u8],
    kept: TimeDelta,
) -> Result<Option<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        "SELECT request_hash, answer FROM idempotency_keys WHERE key_hash = $1 AND created_at >= now() - $2::interval",
        key_hash,
        interval(kept),
    )
    .fetch_optional(conn)
    .await
}

/// Keeps an answer, in the place of one that is too old to count.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    key_hash: &[u8],
    operation: &str,
    kept: &Kept,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO idempotency_keys (key_hash, operation, request_hash, answer) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key_hash) DO UPDATE
         SET operation = $2, request_hash = $3, answer = $4, created_at = now()",
        key_hash,
        operation,
        kept.request_hash,
        kept.answer,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn purge(conn: &mut PgConnection, kept: TimeDelta) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval", interval(kept))
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
}
