//! Orders: the log is the truth, the tables are its projection. Both change in [`append`] and nowhere else.

use chrono::{DateTime, Utc};
use messaging::NewEvent;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::projection::{Projection, Tables};
use crate::domain::order::Order;
use crate::domain::order_event::{LogError, OrderCreated, OrderEvent};
use crate::error::Error;

const AGGREGATE: &str = events::order::AGGREGATE;

/// An event with its time.
pub type Entry = (OrderEvent, DateTime<Utc>);

/// Begins an order with its first event.
pub async fn create(
    conn: &mut PgConnection,
    id: Uuid,
    created: OrderCreated,
    at: DateTime<Utc>,
) -> Result<Order, Error> {
    let order = Order::open(id, created.clone(), at);
    let event = OrderEvent::Created(Box::new(created));
    messaging::emit(conn, &new_event(id, 1, &event)?).await?;
    project(conn, &Projection::changes(None, &order)).await?;
    Ok(order)
}

/// Adds events to an order that was read in this transaction under [`lock`], or whose version nobody else can have
/// raised: the log refuses a version that is taken. `at` is the transaction's time, which the log gives them too.
pub async fn append(
    conn: &mut PgConnection,
    order: &Order,
    events: Vec<OrderEvent>,
    at: DateTime<Utc>,
) -> Result<Order, Error> {
    let mut after = order.clone();
    let mut entries = Vec::with_capacity(events.len());
    for event in &events {
        after.apply(event, at)?;
        entries.push(new_event(order.id, after.version, event)?);
    }
    messaging::emit_many(conn, entries).await?;
    project(conn, &Projection::changes(Some(order), &after)).await?;
    Ok(after)
}

/// An order by its id, for a change in this transaction, and the transaction's time.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<(Order, DateTime<Utc>), Error> {
    let at = sqlx::query_scalar!(r#"SELECT now() AS "at!" FROM orders WHERE id = $1 FOR UPDATE"#, id);
    let at = at.fetch_optional(&mut *conn).await?.ok_or(Error::OrderNotFound)?;
    Ok((find(conn, id).await?.ok_or(Error::OrderNotFound)?, at))
}

/// An order by its id.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<Order>, Error> {
    find_until(conn, id, |_| false).await
}

/// An order as it was when `enough` first held of it.
pub async fn find_until(
    conn: &mut PgConnection,
    id: Uuid,
    enough: impl Fn(&Order) -> bool,
) -> Result<Option<Order>, Error> {
    let log = log(conn, id).await?;
    if log.is_empty() { Ok(None) } else { Ok(Some(Order::fold(id, log, enough)?)) }
}

/// The order and the payment behind a provider's name for it.
pub async fn of_payment(
    conn: &mut PgConnection,
    provider: &str,
    provider_ref: &str,
) -> Result<Option<(Uuid, Uuid)>, sqlx::Error> {
    let found = sqlx::query!(
        "SELECT order_id, id FROM payments WHERE provider = $1 AND provider_ref = $2",
        provider,
        provider_ref
    );
    Ok(found.fetch_optional(conn).await?.map(|row| (row.order_id, row.id)))
}

/// An order's log, oldest first.
pub async fn log(conn: &mut PgConnection, id: Uuid) -> Result<Vec<Entry>, Error> {
    let history = messaging::history(conn, AGGREGATE, id).await?;
    let read = |event: events::Envelope| Ok((OrderEvent::read(&event.kind, &event.data)?, event.occurred_at));
    history.into_iter().map(read).collect()
}

/// Writes the tables anew from the log.
pub async fn rebuild(conn: &mut PgConnection, id: Uuid) -> Result<bool, Error> {
    sqlx::query!("SELECT id FROM orders WHERE id = $1 FOR UPDATE", id).fetch_optional(&mut *conn).await?;
    let order = find(conn, id).await?.ok_or(Error::OrderNotFound)?;
    let differed = !is_as_logged(conn, id).await?;
    sqlx::query!("DELETE FROM orders WHERE id = $1", id).execute(&mut *conn).await?;
    project(conn, &Projection::changes(None, &order)).await?;
    Ok(differed)
}

/// Whether the tables hold what the log says.
pub async fn is_as_logged(conn: &mut PgConnection, id: Uuid) -> Result<bool, Error> {
    let Some(order) = find(conn, id).await? else { return Ok(false) };
    let tables = Json(Projection::changes(None, &order).tables);
    let same = sqlx::query_scalar!(
        r#"SELECT (
               (SELECT to_jsonb(o) FROM orders o WHERE id = $1)
                 IS NOT DISTINCT FROM to_jsonb(jsonb_populate_record(NULL::orders, $2::jsonb->'order'))
               AND (SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.id), '[]') FROM order_lines l WHERE order_id = $1)
                 = (SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.id), '[]') FROM jsonb_populate_recordset(NULL::order_lines, $2::jsonb->'lines') l)
               AND (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.id), '[]') FROM payments p WHERE order_id = $1)
                 = (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.id), '[]') FROM jsonb_populate_recordset(NULL::payments, $2::jsonb->'payments') p)
               AND (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.id), '[]') FROM refunds r WHERE order_id = $1)
                 = (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.id), '[]') FROM jsonb_populate_recordset(NULL::refunds, $2::jsonb->'refunds') r)
               AND (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.id), '[]') FROM fulfillments f WHERE order_id = $1)
                 = (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.id), '[]') FROM jsonb_populate_recordset(NULL::fulfillments, $2::jsonb->'fulfillments') f)
           ) AS "same!""#,
        id,
        tables as Json<Tables>
    );
    Ok(same.fetch_one(conn).await?)
}

/// Writes rows of the projection: all tables with one statement.
async fn project(conn: &mut PgConnection, projection: &Projection) -> Result<(), Error> {
    let done = sqlx::query!(
        "WITH head AS (
             INSERT INTO orders SELECT * FROM jsonb_populate_record(NULL::orders, $1::jsonb->'order')
             ON CONFLICT (id) DO UPDATE SET
                 version = excluded.version, user_id = excluded.user_id, contact = excluded.contact, state = excluded.state,
                 payment_state = excluded.payment_state, fulfillment_state = excluded.fulfillment_state,
                 cancel_reason = excluded.cancel_reason, updated_at = excluded.updated_at, placed_at = excluded.placed_at,
                 cancelled_at = excluded.cancelled_at, pending_since = excluded.pending_since
         ), lines AS (
             INSERT INTO order_lines SELECT * FROM jsonb_populate_recordset(NULL::order_lines, $1::jsonb->'lines')
             ON CONFLICT (id) DO UPDATE SET
                 fulfilled_quantity = excluded.fulfilled_quantity, updated_at = excluded.updated_at
         ), paid AS (
             INSERT INTO payments SELECT * FROM jsonb_populate_recordset(NULL::payments, $1::jsonb->'payments')
             ON CONFLICT (id) DO UPDATE SET
                 state = excluded.state, captured_amount = excluded.captured_amount,
                 refunded_amount = excluded.refunded_amount, updated_at = excluded.updated_at
         ), returned AS (
             INSERT INTO refunds SELECT * FROM jsonb_populate_recordset(NULL::refunds, $1::jsonb->'refunds')
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
         )
         INSERT INTO fulfillments SELECT * FROM jsonb_populate_recordset(NULL::fulfillments, $1::jsonb->'fulfillments')",
        Json(&projection.tables) as _
    );
    done.execute(conn).await?;
    Ok(())
}

fn new_event(id: Uuid, version: i64, event: &OrderEvent) -> Result<NewEvent, Error> {
    let kind = event.kind();
    let data: Value = event.data().map_err(|cause| LogError::Payload { kind: kind.to_owned(), cause })?;
    Ok(NewEvent { aggregate: AGGREGATE, aggregate_id: id, version, kind, data })
}
