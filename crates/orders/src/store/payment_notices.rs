//! What providers told us of payments.

use chrono::TimeDelta;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::payments::Notice;

/// A notice that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The notice.
    pub id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's name for the payment.
    pub provider_ref: String,
    /// How often it was tried, this try included.
    pub attempts: i64,
}

/// Keeps a notice. False when it came before.
pub async fn insert(conn: &mut PgConnection, provider: &str, notice: &Notice) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO payment_notices (provider, event_id, kind, provider_ref) VALUES ($1, $2, $3, $4)
         ON CONFLICT (provider, event_id) DO NOTHING",
        provider,
        notice.event_id,
        notice.kind,
        notice.reference
    );
    Ok(done.execute(conn).await?.rows_affected() == 1)
}

/// Notices that it is time to see to. Nobody else gets them within `lease`.
pub async fn take_due(conn: &mut PgConnection, lease: TimeDelta, limit: i64) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        "UPDATE payment_notices
         SET next_try_at = now() + make_interval(secs => $1::float8), attempts = attempts + 1, updated_at = now()
         WHERE id IN (
             SELECT id FROM payment_notices WHERE next_try_at <= now()
             ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id, provider, provider_ref, attempts",
        lease.as_seconds_f64(),
        limit
    )
    .fetch_all(conn)
    .await
}

/// A notice is seen to. What an earlier one of the payment found different is so no longer; `difference` is what this one did.
pub async fn finish(conn: &mut PgConnection, notice: &Waiting, difference: Option<&str>) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE payment_notices
         SET difference = CASE WHEN id = $1 THEN $4 END,
             next_try_at = CASE WHEN id = $1 THEN NULL ELSE next_try_at END, updated_at = now()
         WHERE provider = $2 AND provider_ref = $3 AND (id = $1 OR difference IS NOT NULL)",
        notice.id,
        notice.provider,
        notice.provider_ref,
        difference
    );
    done.execute(conn).await.map(drop)
}

/// A notice waits for another try.
pub async fn try_again(conn: &mut PgConnection, id: Uuid, after: TimeDelta) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE payment_notices SET next_try_at = now() + make_interval(secs => $2::float8), updated_at = now()
         WHERE id = $1",
        id,
        after.as_seconds_f64()
    );
    done.execute(conn).await.map(drop)
}

/// Removes notices that were seen to, but for those with a difference to settle. Gives how many.
pub async fn purge(conn: &mut PgConnection, older_than: TimeDelta, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM payment_notices WHERE id IN (
             SELECT id FROM payment_notices
             WHERE next_try_at IS NULL AND difference IS NULL
               AND created_at < now() - make_interval(secs => $1::float8)
             ORDER BY created_at LIMIT $2)",
        older_than.as_seconds_f64(),
        limit
    );
    Ok(done.execute(conn).await?.rows_affected())
}
