//! Figures that are kept twice and must agree. For `doctor`; each statement reads whole tables.

use sqlx::PgConnection;
use uuid::Uuid;

/// Levels whose counters differ from the sums of their ledger.
pub async fn levels_against_ledger(conn: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT l.id FROM inventory_levels l
           LEFT JOIN (SELECT level_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
                      FROM stock_movements GROUP BY level_id) m ON m.level_id = l.id
           WHERE l.on_hand <> COALESCE(m.on_hand, 0) OR l.reserved <> COALESCE(m.reserved, 0)
           ORDER BY l.id"#,
    )
    .fetch_all(conn)
    .await
}

/// Levels whose reserved units differ from the lines of open reservations.
pub async fn reserved_against_lines(conn: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT l.id FROM inventory_levels l
           LEFT JOIN (SELECT line.level_id, sum(line.quantity) AS quantity
                      FROM reservation_lines line
                      JOIN reservations r ON r.order_id = line.order_id AND r.state = 'reserved'
                      GROUP BY line.level_id) held ON held.level_id = l.id
           WHERE l.reserved <> COALESCE(held.quantity, 0)
           ORDER BY l.id"#,
    )
    .fetch_all(conn)
    .await
}

/// Live products whose count differs from what their live variants have.
pub async fn counts_against_levels(conn: &mut PgConnection) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT p.id FROM products p
           LEFT JOIN (SELECT v.product_id, sum(l.on_hand - l.reserved) AS units
                      FROM variants v JOIN inventory_levels l ON l.variant_id = v.id
                      WHERE v.deleted_at IS NULL GROUP BY v.product_id) s ON s.product_id = p.id
           WHERE p.deleted_at IS NULL AND p.inventory_count <> COALESCE(s.units, 0)
           ORDER BY p.id"#,
    )
    .fetch_all(conn)
    .await
}

/// Live products whose listing price differs from the lowest price of their live variants.
pub async fn prices_against_variants(
    conn: &mut PgConnection,
    currency: &str,
    decimals: i32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT p.id FROM products p
           LEFT JOIN (SELECT v.product_id, trunc(min(vp.amount) / power(10::numeric, $2::int), 2) AS price
                      FROM variants v JOIN variant_prices vp ON vp.variant_id = v.id
                      WHERE v.deleted_at IS NULL AND vp.currency = $1 GROUP BY v.product_id) s ON s.product_id = p.id
           WHERE p.deleted_at IS NULL AND p.price IS DISTINCT FROM s.price
           ORDER BY p.id"#,
        currency,
        decimals,
    )
    .fetch_all(conn)
    .await
}
