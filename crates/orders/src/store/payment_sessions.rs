//! What providers prepared for carts, and which of it must be looked at until it is certain what became of it.

use chrono::TimeDelta;
use kernel::Currency;
use sqlx::PgConnection;
use uuid::Uuid;

use super::word;
use crate::domain::cart::PaymentSession;
use crate::error::Error;

/// What a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// A cart can be completed with it.
    Current,
    /// A checkout works with it.
    InCheckout,
    /// An order was placed with it.
    Ordered,
    /// Nothing can be bought with it any more.
    Orphan,
}

/// A session that is looked at.
#[derive(Clone, Debug)]
pub struct WatchedSession {
    /// The session.
    pub id: Uuid,
    /// The cart that it was for, which may be gone.
    pub cart_id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's name for the payment.
    pub provider_ref: String,
    /// How much.
    pub amount: i64,
    /// Of what.
    pub currency: Currency,
    /// What it is good for.
    pub used: SessionUse,
}

/// Adds a session, which is looked at after `look_after`, if ever. Those that the cart had before are looked at now.
pub async fn insert(
    conn: &mut PgConnection,
    cart_id: Uuid,
    currency: Currency,
    session: &PaymentSession,
    look_after: Option<TimeDelta>,
) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "WITH earlier AS (
             UPDATE payment_sessions SET look_at = now(), updated_at = now() WHERE cart_id = $2 AND look_at IS NOT NULL
         )
         INSERT INTO payment_sessions (id, cart_id, provider, provider_ref, amount, currency, client_data, look_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8::float8))",
        session.id,
        cart_id,
        session.provider,
        session.provider_ref,
        session.amount,
        currency.as_str(),
        session.client_data,
        look_after.map(TimeDelta::as_seconds_f64)
    );
    done.execute(conn).await.map(drop)
}

/// Sessions that it is time to look at. Nobody else gets them within `lease`.
pub async fn take_due(conn: &mut PgConnection, lease: TimeDelta, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE payment_sessions SET look_at = now() + make_interval(secs => $1::float8), updated_at = now()
         WHERE id IN (
             SELECT id FROM payment_sessions WHERE look_at <= now()
             ORDER BY look_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        lease.as_seconds_f64(),
        limit
    )
    .fetch_all(conn)
    .await
}

/// The session of a provider's payment, if it is still looked at.
pub async fn watched_by_ref(
    conn: &mut PgConnection,
    provider: &str,
    provider_ref: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM payment_sessions WHERE provider = $1 AND provider_ref = $2 AND look_at IS NOT NULL",
        provider,
        provider_ref
    )
    .fetch_optional(conn)
    .await
}

/// A session and what it is good for; none when nobody looks at it any more.
pub async fn find_watched(conn: &mut PgConnection, id: Uuid) -> Result<Option<WatchedSession>, Error> {
    let row = sqlx::query!(
        r#"SELECT s.cart_id, s.provider, s.provider_ref, s.amount, s.currency, k.state AS "run?",
                  (c.state = 'open' AND c.payment_session_id = s.id) IS TRUE AS "current!"
           FROM payment_sessions s
           LEFT JOIN carts c ON c.id = s.cart_id
           LEFT JOIN checkouts k ON k.cart_id = s.cart_id AND k.state <> 'failed' AND k.payment_session_id = s.id
           WHERE s.id = $1 AND s.look_at IS NOT NULL"#,
        id
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let used = match row.run.as_deref() {
        Some("placed") => SessionUse::Ordered,
        Some(_) => SessionUse::InCheckout,
        None if row.current => SessionUse::Current,
        None => SessionUse::Orphan,
    };
    Ok(Some(WatchedSession {
        id,
        cart_id: row.cart_id,
        provider: row.provider,
        provider_ref: row.provider_ref,
        amount: row.amount,
        currency: word("currency", &row.currency)?,
        used,
    }))
}

/// Takes a session from its cart, if the cart is open: nobody can start a checkout with it any more.
pub async fn detach(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE carts SET payment_session_id = NULL, version = version + 1, updated_at = now()
         WHERE id = (SELECT cart_id FROM payment_sessions WHERE id = $1) AND payment_session_id = $1 AND state = 'open'",
        id
    );
    done.execute(conn).await.map(drop)
}

/// Puts the next look off: for as long as the session is old, a day at the most, and at least for `after`.
pub async fn look_again(conn: &mut PgConnection, id: Uuid, after: TimeDelta) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE payment_sessions
         SET look_at = now() + greatest(make_interval(secs => $2::float8), least(now() - created_at, interval '1 day')),
             updated_at = now()
         WHERE id = $1 AND look_at IS NOT NULL",
        id,
        after.as_seconds_f64()
    );
    done.execute(conn).await.map(drop)
}

/// Has a session looked at soon.
pub async fn look_soon(conn: &mut PgConnection, id: Uuid, after: TimeDelta) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE payment_sessions SET look_at = now() + make_interval(secs => $2::float8), updated_at = now()
         WHERE id = $1 AND look_at IS NOT NULL",
        id,
        after.as_seconds_f64()
    );
    done.execute(conn).await.map(drop)
}

/// Nothing can come of a session any more. It goes if its cart is gone.
pub async fn close(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "WITH closed AS (
             UPDATE payment_sessions SET look_at = NULL, updated_at = now()
             WHERE id = $1 AND EXISTS (SELECT FROM carts WHERE carts.id = payment_sessions.cart_id)
         )
         DELETE FROM payment_sessions
         WHERE id = $1 AND NOT EXISTS (SELECT FROM carts WHERE carts.id = payment_sessions.cart_id)",
        id
    );
    done.execute(conn).await.map(drop)
}
