//! Carts: read and written whole.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::data_keys::StoredKey;
use super::word;
use crate::domain::cart::{Cart, CartLine, CartState, PaymentSession};
use crate::domain::contact::Contact;
use crate::error::Error;

/// A cart whose contact is still sealed.
pub struct StoredCart {
    /// The cart, without its contact.
    pub cart: Cart,
    /// The contact.
    pub contact: Option<Vec<u8>>,
    /// The key that it is sealed under.
    pub key: StoredKey,
}

#[derive(Debug, Serialize, Deserialize)]
struct LineRow {
    id: Uuid,
    variant_id: Uuid,
    quantity: i64,
    seen_amount: Option<i64>,
}

/// A cart by its id.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<StoredCart>, Error> {
    let row = sqlx::query!(
        r#"SELECT c.version, c.state, c.user_id, c.subject, c.currency, c.contact,
                  c.lines AS "lines: Json<Vec<LineRow>>", c.shipping_option, c.order_id, c.created_at, c.updated_at,
                  k.subject AS "key_subject?", k.kek_id, k.wrapped_key,
                  p.id AS "session_id?", p.provider AS "provider?", p.provider_ref AS "provider_ref?",
                  p.amount AS "amount?", p.client_data AS "client_data?"
           FROM carts c
           LEFT JOIN data_keys k ON k.subject = c.subject
           LEFT JOIN payment_sessions p ON p.id = c.payment_session_id
           WHERE c.id = $1"#,
        id
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let payment_session = match (row.session_id, row.provider, row.provider_ref, row.amount, row.client_data) {
        (Some(id), Some(provider), Some(provider_ref), Some(amount), Some(client_data)) => {
            Some(PaymentSession { id, provider, provider_ref, amount, client_data })
        }
        _ => None,
    };
    let line = |row: LineRow| CartLine {
        id: row.id,
        variant_id: row.variant_id,
        quantity: row.quantity,
        seen_amount: row.seen_amount,
    };
    let cart = Cart {
        id,
        version: row.version,
        state: state(&row.state)?,
        user_id: row.user_id,
        subject: row.subject,
        currency: word("currency", &row.currency)?,
        contact: Contact::default(),
        lines: row.lines.0.into_iter().map(line).collect(),
        shipping_option: row.shipping_option,
        payment_session,
        order_id: row.order_id,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    let key = StoredKey::from_columns(row.key_subject, row.kek_id, row.wrapped_key);
    Ok(Some(StoredCart { cart, contact: row.contact, key }))
}

/// Adds a cart.
pub async fn insert(conn: &mut PgConnection, cart: &Cart, contact: Option<&[u8]>) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO carts (id, version, user_id, subject, currency, contact, lines, shipping_option, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        cart.id,
        cart.version,
        cart.user_id,
        cart.subject,
        cart.currency.as_str(),
        contact,
        Json(line_rows(cart)) as _,
        cart.shipping_option,
        cart.created_at
    );
    done.execute(conn).await.map(drop)
}

/// Writes a cart over the version that it was read at. False when it has another by now or a checkout runs over it.
pub async fn update(
    conn: &mut PgConnection,
    cart: &Cart,
    contact: Option<&[u8]>,
    read_version: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE carts SET version = $3, user_id = $4, subject = $5, contact = $6, lines = $7, shipping_option = $8,
                payment_session_id = $9, updated_at = $10
         WHERE id = $1 AND version = $2 AND state = 'open'",
        cart.id,
        read_version,
        cart.version,
        cart.user_id,
        cart.subject,
        contact,
        Json(line_rows(cart)) as _,
        cart.shipping_option,
        cart.payment_session.as_ref().map(|session| session.id),
        cart.updated_at
    );
    Ok(done.execute(conn).await?.rows_affected() == 1)
}

/// Opens a cart again after its checkout failed. A payment that was voided is no payment any more.
pub async fn reopen(conn: &mut PgConnection, order_id: Uuid, drop_payment: bool) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE carts
         SET state = 'open', order_id = NULL, version = version + 1, updated_at = now(),
             payment_session_id = CASE WHEN $2 THEN NULL ELSE payment_session_id END
         WHERE order_id = $1 AND state = 'completing'",
        order_id,
        drop_payment
    );
    done.execute(conn).await.map(drop)
}

/// Open carts that nobody has touched for so long, with their guests' keys: removed (payments that may yet come of them
/// are looked at), so many at once. Gives how many.
pub async fn expire(conn: &mut PgConnection, untouched: TimeDelta, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "WITH old AS (
             SELECT id FROM carts
             WHERE state = 'open' AND updated_at < now() - make_interval(secs => $1::float8)
             ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
         ), keys AS (
             -- A guest's key is named after the cart. Orders of failed checkouts may still name it, but hold nothing
             -- that anyone needs.
             DELETE FROM data_keys USING old WHERE data_keys.subject = old.id
         ), closed AS (
             DELETE FROM payment_sessions p USING old WHERE p.cart_id = old.id AND p.look_at IS NULL
         ), watched AS (
             UPDATE payment_sessions p SET look_at = now(), updated_at = now() FROM old
             WHERE p.cart_id = old.id AND p.look_at IS NOT NULL
         )
         DELETE FROM carts USING old WHERE carts.id = old.id",
        untouched.as_seconds_f64(),
        limit
    );
    Ok(done.execute(conn).await?.rows_affected())
}

/// Removes a user's open carts.
pub async fn delete_open_of(conn: &mut PgConnection, user_id: Uuid) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "WITH theirs AS (
             DELETE FROM carts WHERE user_id = $1 AND state = 'open' RETURNING id
         ), closed AS (
             DELETE FROM payment_sessions p USING theirs WHERE p.cart_id = theirs.id AND p.look_at IS NULL
         ), watched AS (
             UPDATE payment_sessions p SET look_at = now(), updated_at = now() FROM theirs
             WHERE p.cart_id = theirs.id AND p.look_at IS NOT NULL
         )
         SELECT id FROM theirs",
        user_id
    );
    done.fetch_all(conn).await.map(drop)
}

/// Detaches a user's other carts, which became orders.
pub async fn forget_user(conn: &mut PgConnection, user_id: Uuid) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE carts SET user_id = NULL, contact = NULL, updated_at = now() WHERE user_id = $1 AND state <> 'open'",
        user_id
    );
    done.execute(conn).await.map(drop)
}

fn line_rows(cart: &Cart) -> Vec<LineRow> {
    let row = |line: &CartLine| LineRow {
        id: line.id,
        variant_id: line.variant_id,
        quantity: line.quantity,
        seen_amount: line.seen_amount,
    };
    cart.lines.iter().map(row).collect()
}

fn state(text: &str) -> Result<CartState, Error> {
    match text {
        "open" => Ok(CartState::Open),
        "completing" => Ok(CartState::Completing),
        "completed" => Ok(CartState::Completed),
        other => Err(Error::Stored(format!("`{other}` is no state of a cart"))),
    }
}
