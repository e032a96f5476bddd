//! What is held for orders. Callers hold the locks of the products (see `products::lock_of_variants` and `lock_of_order`).

use chrono::{DateTime, Utc};
use contracts::products::{ReservationState, Shortage};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Level, LevelChange};

/// An order's reservation.
#[derive(Debug)]
pub struct Reservation {
    /// Where it stands.
    pub state: ReservationState,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

struct Changed {
    id: Uuid,
    variant_id: Uuid,
    location_id: Uuid,
    on_hand: i64,
    reserved: i64,
    version: i64,
    product_id: Uuid,
}

impl From<Changed> for LevelChange {
    fn from(row: Changed) -> Self {
        let Changed { id, variant_id, location_id, on_hand, reserved, version, product_id } = row;
        Self { level: Level { id, variant_id, location_id, on_hand, reserved, version }, product_id }
    }
}

fn name(state: ReservationState) -> &'static str {
    match state {
        ReservationState::Reserved => "reserved",
        ReservationState::Committed => "committed",
        ReservationState::Released => "released",
    }
}

fn state(name: &str) -> ReservationState {
    match name {
        "reserved" => ReservationState::Reserved,
        "committed" => ReservationState::Committed,
        // The table's check allows no fourth.
        _ => ReservationState::Released,
    }
}

/// Adds a reservation unless the order has one. Says whether it did.
pub async fn insert(
    conn: &mut PgConnection,
    order_id: Uuid,
    initial: ReservationState,
    expires_at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO reservations (order_id, state, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        order_id,
        name(initial),
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// An order's reservation, locked until the transaction ends.
pub async fn lock(conn: &mut PgConnection, order_id: Uuid) -> Result<Option<Reservation>, sqlx::Error> {
    let row = sqlx::query!("SELECT state, expires_at FROM reservations WHERE order_id = $1 FOR UPDATE", order_id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| Reservation { state: state(&row.state), expires_at: row.expires_at }))
}

/// Takes units of each variant, from the default location first, then from the others. Where there is not enough of any
/// variant, nothing is taken of all. One statement, which guards each level by its own condition. Gives the units taken.
pub async fn take(
    conn: &mut PgConnection,
    order_id: Uuid,
    variants: &[Uuid],
    quantities: &[i64],
) -> Result<(i64, Vec<LevelChange>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH wanted AS (
               SELECT w.variant_id, w.quantity, v.product_id
               FROM unnest($2::uuid[], $3::int8[]) AS w(variant_id, quantity)
               JOIN variants v ON v.id = w.variant_id AND v.deleted_at IS NULL
               JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL AND p.is_active
           ), free AS (
               SELECT l.id, w.variant_id, w.product_id, w.quantity, l.on_hand - l.reserved AS units,
                      COALESCE(sum(l.on_hand - l.reserved) OVER (
                          PARTITION BY w.variant_id ORDER BY s.is_default DESC, s.id
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int8 AS units_before
               FROM wanted w
               JOIN inventory_levels l ON l.variant_id = w.variant_id
               JOIN stock_locations s ON s.id = l.location_id
           ), plan AS (
               SELECT id, product_id, least(units, quantity - units_before) AS units
               FROM free WHERE units > 0 AND quantity > units_before
           ), taken AS (
               UPDATE inventory_levels l
               SET reserved = l.reserved + plan.units, version = l.version + 1, updated_at = now()
               FROM plan
               WHERE l.id = plan.id AND l.on_hand - l.reserved >= plan.units
                 AND (SELECT sum(units) FROM plan) = (SELECT sum(q) FROM unnest($3::int8[]) q)
               RETURNING l.id, l.variant_id, l.location_id, l.on_hand, l.reserved, l.version, plan.product_id, plan.units
           ), moved AS (
               INSERT INTO stock_movements (level_id, kind, on_hand_delta, reserved_delta, order_id)
               SELECT id, 'reserve', 0, units, $1 FROM taken
           ), held AS (
               INSERT INTO reservation_lines (order_id, level_id, quantity) SELECT $1, id, units FROM taken
           ), counted AS (
               UPDATE products p SET inventory_count = p.inventory_count - t.units
               FROM (SELECT product_id, sum(units)::int8 AS units FROM taken GROUP BY product_id) t
               WHERE p.id = t.product_id
           )
           SELECT id, variant_id, location_id, on_hand, reserved, version, product_id, units AS "units!" FROM taken ORDER BY id"#,
        order_id,
        variants,
        quantities,
    )
    .fetch_all(conn)
    .await?;
    let units = rows.iter().map(|row| row.units).sum();
    let changes = rows.into_iter().map(|row| LevelChange {
        level: Level {
            id: row.id,
            variant_id: row.variant_id,
            location_id: row.location_id,
            on_hand: row.on_hand,
            reserved: row.reserved,
            version: row.version,
        },
        product_id: row.product_id,
    });
    Ok((units, changes.collect()))
}

/// The variants of which there are fewer units than wanted. One that is not for sale has none.
pub async fn shortages(
    conn: &mut PgConnection,
    variants: &[Uuid],
    quantities: &[i64],
) -> Result<Vec<Shortage>, sqlx::Error> {
    sqlx::query_as!(
        Shortage,
        r#"SELECT variant_id AS "variant_id!", wanted AS "wanted!", available AS "available!" FROM (
               SELECT w.variant_id, w.quantity AS wanted,
                      (SELECT COALESCE(sum(l.on_hand - l.reserved), 0)::int8
                       FROM variants v
                       JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL AND p.is_active
                       JOIN inventory_levels l ON l.variant_id = v.id
                       WHERE v.id = w.variant_id AND v.deleted_at IS NULL) AS available
               FROM unnest($1::uuid[], $2::int8[]) AS w(variant_id, quantity)) AS counted
           WHERE available < wanted"#,
        variants,
        quantities,
    )
    .fetch_all(conn)
    .await
}

/// Makes a reservation final: what it held has left the shop's hands.
pub async fn commit(conn: &mut PgConnection, order_id: Uuid) -> Result<Vec<LevelChange>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Changed,
        r#"WITH ended AS (
               UPDATE reservations SET state = 'committed', updated_at = now() WHERE order_id = $1
           ), gone AS (
               UPDATE inventory_levels l
               SET on_hand = l.on_hand - r.quantity, reserved = l.reserved - r.quantity, version = l.version + 1,
                   updated_at = now()
               FROM reservation_lines r WHERE r.order_id = $1 AND l.id = r.level_id
               RETURNING l.id, l.variant_id, l.location_id, l.on_hand, l.reserved, l.version, r.quantity
           ), moved AS (
               INSERT INTO stock_movements (level_id, kind, on_hand_delta, reserved_delta, order_id)
               SELECT id, 'commit', -quantity, -quantity, $1 FROM gone
           )
           SELECT gone.id, gone.variant_id, gone.location_id, gone.on_hand, gone.reserved, gone.version, v.product_id
           FROM gone JOIN variants v ON v.id = gone.variant_id ORDER BY gone.id"#,
        order_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(LevelChange::from).collect())
}

/// Gives back what an order held: units that were reserved are free again, units that were committed lie there again.
pub async fn release(
    conn: &mut PgConnection,
    order_id: Uuid,
    from: ReservationState,
) -> Result<Vec<LevelChange>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Changed,
        r#"WITH ended AS (
               UPDATE reservations SET state = 'released', updated_at = now() WHERE order_id = $1
           ), back AS (
               UPDATE inventory_levels l
               SET on_hand = l.on_hand + CASE WHEN $2 THEN r.quantity ELSE 0 END,
                   reserved = l.reserved - CASE WHEN $2 THEN 0 ELSE r.quantity END,
                   version = l.version + 1, updated_at = now()
               FROM reservation_lines r WHERE r.order_id = $1 AND l.id = r.level_id
               RETURNING l.id, l.variant_id, l.location_id, l.on_hand, l.reserved, l.version, r.quantity
           ), moved AS (
               INSERT INTO stock_movements (level_id, kind, on_hand_delta, reserved_delta, order_id)
               SELECT id, 'release', CASE WHEN $2 THEN quantity ELSE 0 END, CASE WHEN $2 THEN 0 ELSE -quantity END, $1
               FROM back
           ), counted AS (
               UPDATE products p SET inventory_count = p.inventory_count + b.units
               FROM (SELECT v.product_id, sum(back.quantity)::int8 AS units
                     FROM back JOIN variants v ON v.id = back.variant_id AND v.deleted_at IS NULL
                     GROUP BY v.product_id) b
               WHERE p.id = b.product_id
           )
           SELECT back.id, back.variant_id, back.location_id, back.on_hand, back.reserved, back.version, v.product_id
           FROM back JOIN variants v ON v.id = back.variant_id ORDER BY back.id"#,
        order_id,
        from == ReservationState::Committed,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(LevelChange::from).collect())
}

/// Orders whose reservation has expired, the oldest first.
pub async fn expired(conn: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT order_id FROM reservations WHERE state = 'reserved' AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        now,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Where the reservations of these orders stand.
pub async fn states(conn: &mut PgConnection, orders: &[Uuid]) -> Result<Vec<(Uuid, ReservationState)>, sqlx::Error> {
    let rows = sqlx::query!("SELECT order_id, state FROM reservations WHERE order_id = ANY($1)", orders)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.order_id, state(&row.state))).collect())
}

/// Orders that hold stock, by id after `after`.
pub async fn holding(
    conn: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, ReservationState)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT order_id, state FROM reservations
           WHERE order_id > $1 AND state <> 'released' ORDER BY order_id LIMIT $2"#,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.order_id, state(&row.state))).collect())
}
