//! Runs of the checkout and their leases.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::FieldError;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::Error;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutState {
    /// It goes forward.
    Running,
    /// It failed and is being undone.
    Undoing,
    /// The order is placed.
    Placed,
    /// Everything is undone.
    Failed,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The order that it makes.
    pub order_id: Uuid,
    /// The cart that it makes it from.
    pub cart_id: Uuid,
    /// Where it stands.
    pub state: CheckoutState,
    /// The payment session.
    pub payment_session_id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's name for the payment.
    pub provider_ref: String,
    /// Why it failed.
    pub blockers: Vec<FieldError>,
    /// Whether undoing it takes the payment back.
    pub void_payment: bool,
    /// When its reservation ends.
    pub expires_at: DateTime<Utc>,
}

struct Row {
    order_id: Uuid,
    cart_id: Uuid,
    state: String,
    payment_session_id: Uuid,
    provider: String,
    provider_ref: String,
    blockers: Option<Json<Vec<FieldError>>>,
    void_payment: bool,
    expires_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<Checkout, Error> {
        let state = match self.state.as_str() {
            "running" => CheckoutState::Running,
            "undoing" => CheckoutState::Undoing,
            "placed" => CheckoutState::Placed,
            "failed" => CheckoutState::Failed,
            other => return Err(Error::Stored(format!("`{other}` is no state of a checkout"))),
        };
        Ok(Checkout {
            order_id: self.order_id,
            cart_id: self.cart_id,
            state,
            payment_session_id: self.payment_session_id,
            provider: self.provider,
            provider_ref: self.provider_ref,
            blockers: self.blockers.map_or_else(Vec::new, |blockers| blockers.0),
            void_payment: self.void_payment,
            expires_at: self.expires_at,
        })
    }
}

/// What the start of a checkout gets.
pub struct Begun {
    /// The order's number.
    pub number: i64,
    /// The transaction's time: that of the events in it.
    pub at: DateTime<Utc>,
}

/// Closes a cart for a run, and adds the run with its first lease: one statement. None when the cart has another version
/// by now or isn't open. The order must follow in the same transaction.
pub async fn begin(
    conn: &mut PgConnection,
    checkout: &Checkout,
    cart_version: i64,
    owner: Uuid,
    lease: TimeDelta,
) -> Result<Option<Begun>, sqlx::Error> {
    sqlx::query_as!(
        Begun,
        r#"WITH cart AS (
               UPDATE carts SET state = 'completing', order_id = $1, version = version + 1, updated_at = now()
               WHERE id = $2 AND version = $3 AND state = 'open'
               RETURNING id
           )
           INSERT INTO checkouts
               (order_id, cart_id, state, payment_session_id, provider, provider_ref, expires_at, lease_owner, lease_until)
           SELECT $1, id, 'running', $4, $5, $6, $7, $8, now() + make_interval(secs => $9::float8) FROM cart
           RETURNING nextval('order_numbers') AS "number!", now() AS "at!""#,
        checkout.order_id,
        checkout.cart_id,
        cart_version,
        checkout.payment_session_id,
        checkout.provider,
        checkout.provider_ref,
        checkout.expires_at,
        owner,
        lease.as_seconds_f64()
    )
    .fetch_optional(conn)
    .await
}

/// A run by its order.
pub async fn find(conn: &mut PgConnection, order_id: Uuid) -> Result<Option<Checkout>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT order_id, cart_id, state, payment_session_id, provider, provider_ref,
                  blockers AS "blockers: Json<Vec<FieldError>>", void_payment, expires_at
           FROM checkouts WHERE order_id = $1"#,
        order_id
    );
    row.fetch_optional(conn).await?.map(Row::read).transpose()
}

/// Takes over runs whose lease is over.
pub async fn take_over(
    conn: &mut PgConnection,
    owner: Uuid,
    lease: TimeDelta,
    limit: i64,
) -> Result<Vec<Checkout>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"UPDATE checkouts
           SET lease_owner = $1, lease_until = now() + make_interval(secs => $2::float8), updated_at = now()
           WHERE order_id IN (
               SELECT order_id FROM checkouts
               WHERE state IN ('running', 'undoing') AND lease_until < now()
               ORDER BY lease_until LIMIT $3 FOR UPDATE SKIP LOCKED)
           RETURNING order_id, cart_id, state, payment_session_id, provider, provider_ref,
                     blockers AS "blockers: Json<Vec<FieldError>>", void_payment, expires_at"#,
        owner,
        lease.as_seconds_f64(),
        limit
    );
    rows.fetch_all(conn).await?.into_iter().map(Row::read).collect()
}

/// Prolongs a lease. False when another instance has it by now.
pub async fn renew(
    conn: &mut PgConnection,
    order_id: Uuid,
    owner: Uuid,
    lease: TimeDelta,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE checkouts SET lease_until = now() + make_interval(secs => $3::float8), updated_at = now()
         WHERE order_id = $1 AND lease_owner = $2 AND state IN ('running', 'undoing')",
        order_id,
        owner,
        lease.as_seconds_f64()
    );
    Ok(done.execute(conn).await?.rows_affected() == 1)
}

/// Lets a lease go, so that any instance may take the run over at once.
pub async fn hand_back(conn: &mut PgConnection, order_id: Uuid, owner: Uuid) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE checkouts SET lease_until = now(), updated_at = now()
         WHERE order_id = $1 AND lease_owner = $2 AND state IN ('running', 'undoing')",
        order_id,
        owner
    );
    done.execute(conn).await.map(drop)
}

/// Ends a run well and completes its cart; its payment session needs no more looks. Gives the transaction's time; none when the lease is lost.
pub async fn place(conn: &mut PgConnection, order_id: Uuid, owner: Uuid) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH run AS (
               UPDATE checkouts SET state = 'placed', updated_at = now()
               WHERE order_id = $1 AND lease_owner = $2 AND state = 'running'
               RETURNING cart_id, payment_session_id
           ), session AS (
               UPDATE payment_sessions SET look_at = NULL, updated_at = now()
               FROM run WHERE payment_sessions.id = run.payment_session_id AND payment_sessions.look_at IS NOT NULL
           )
           UPDATE carts SET state = 'completed', version = version + 1, updated_at = now()
           FROM run WHERE carts.id = run.cart_id
           RETURNING now() AS "at!""#,
        order_id,
        owner
    )
    .fetch_optional(conn)
    .await
}

/// Decides that a run failed. False when the lease is lost.
pub async fn fail(
    conn: &mut PgConnection,
    order_id: Uuid,
    owner: Uuid,
    blockers: &[FieldError],
    void_payment: bool,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE checkouts SET state = 'undoing', blockers = $3, void_payment = $4, updated_at = now()
         WHERE order_id = $1 AND lease_owner = $2 AND state = 'running'",
        order_id,
        owner,
        Json(blockers) as _,
        void_payment
    );
    Ok(done.execute(conn).await?.rows_affected() == 1)
}

/// Ends a run that is undone. Gives the transaction's time; none when the lease is lost.
pub async fn end(conn: &mut PgConnection, order_id: Uuid, owner: Uuid) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"UPDATE checkouts SET state = 'failed', updated_at = now()
           WHERE order_id = $1 AND lease_owner = $2 AND state = 'undoing'
           RETURNING now() AS "at!""#,
        order_id,
        owner
    )
    .fetch_optional(conn)
    .await
}
