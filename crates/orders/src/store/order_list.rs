//! Which orders there are: lists of rows of the projection, and of the log.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// An order in a list.
#[derive(Clone, Debug)]
pub struct OrderSummary {
    /// The id.
    pub id: Uuid,
    /// The number that people use.
    pub number: i64,
    /// Where it stands.
    pub state: String,
    /// How far it is paid.
    pub payment_state: String,
    /// How far it is sent.
    pub fulfillment_state: String,
    /// The account.
    pub user_id: Option<Uuid>,
    /// What amounts are in.
    pub currency: String,
    /// What is charged.
    pub total_amount: i64,
    /// When its checkout began.
    pub created_at: DateTime<Utc>,
    /// When its checkout succeeded.
    pub placed_at: Option<DateTime<Utc>>,
}

/// Which orders staff wants to see.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// In this state.
    pub state: Option<String>,
    /// Of this user.
    pub user_id: Option<Uuid>,
}

/// Orders of a user that were placed, newest first.
pub async fn of_user_page(
    conn: &mut PgConnection,
    user_id: Uuid,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<OrderSummary>, sqlx::Error> {
    sqlx::query_as!(
        OrderSummary,
        "SELECT id, number, state, payment_state, fulfillment_state, user_id, currency, total_amount, created_at, placed_at
         FROM orders WHERE user_id = $1 AND placed_at IS NOT NULL AND number < coalesce($2, 9223372036854775807)
         ORDER BY number DESC LIMIT $3",
        user_id,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// All orders, newest first.
pub async fn page(
    conn: &mut PgConnection,
    filter: &OrderFilter,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<OrderSummary>, sqlx::Error> {
    sqlx::query_as!(
        OrderSummary,
        "SELECT id, number, state, payment_state, fulfillment_state, user_id, currency, total_amount, created_at, placed_at
         FROM orders
         WHERE ($1::text IS NULL OR state = $1) AND ($2::uuid IS NULL OR user_id = $2)
           AND number < coalesce($3, 9223372036854775807)
         ORDER BY number DESC LIMIT $4",
        filter.state,
        filter.user_id,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// All orders of a user, whatever became of them.
pub async fn of_user(conn: &mut PgConnection, user_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM orders WHERE user_id = $1 ORDER BY id", user_id).fetch_all(conn).await
}

/// Orders that have waited for a provider or for stock longer than `patience`, longest first.
pub async fn waiting(conn: &mut PgConnection, patience: TimeDelta, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM orders WHERE pending_since < now() - make_interval(secs => $1::float8)
         ORDER BY pending_since LIMIT $2",
        patience.as_seconds_f64(),
        limit
    )
    .fetch_all(conn)
    .await
}

/// Orders that the log knows, by id after `after`.
pub async fn logged(conn: &mut PgConnection, after: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT aggregate_id FROM events WHERE aggregate = 'order' AND version = 1 AND aggregate_id > $1
         ORDER BY aggregate_id LIMIT $2",
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Those of `orders` that hold stock by rights, or may while a checkout runs.
pub async fn entitled_to_stock(conn: &mut PgConnection, orders: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM orders WHERE id = ANY($1) AND state <> 'cancelled'", orders)
        .fetch_all(conn)
        .await
}

/// Placed orders, by id after `after`: their stock is final.
pub async fn placed(conn: &mut PgConnection, after: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM orders WHERE id > $1 AND state IN ('placed', 'fulfilled') ORDER BY id LIMIT $2",
        after,
        limit
    )
    .fetch_all(conn)
    .await
}
