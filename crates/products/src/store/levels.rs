//! Levels of stock and their ledger. Callers hold the locks of the products (see `products::lock_of_variants`).

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Level, LevelChange, Location, MovementKind};

/// Levels of products' live variants, by location.
pub async fn of_products(conn: &mut PgConnection, products: &[Uuid]) -> Result<Vec<Level>, sqlx::Error> {
    sqlx::query_as!(
        Level,
        r#"SELECT l.id, l.variant_id, l.location_id, l.on_hand, l.reserved, l.version
           FROM inventory_levels l JOIN variants v ON v.id = l.variant_id
           WHERE v.product_id = ANY($1) AND v.deleted_at IS NULL
           ORDER BY l.variant_id, l.location_id"#,
        products,
    )
    .fetch_all(conn)
    .await
}

/// Every location, the default first.
pub async fn locations(conn: &mut PgConnection) -> Result<Vec<Location>, sqlx::Error> {
    sqlx::query_as!(Location, "SELECT id, name, is_default FROM stock_locations ORDER BY is_default DESC, name, id")
        .fetch_all(conn)
        .await
}

/// A variant's level at a location.
pub async fn find(conn: &mut PgConnection, variant_id: Uuid, location_id: Uuid) -> Result<Option<Level>, sqlx::Error> {
    sqlx::query_as!(
        Level,
        r#"SELECT id, variant_id, location_id, on_hand, reserved, version
           FROM inventory_levels WHERE variant_id = $1 AND location_id = $2"#,
        variant_id,
        location_id,
    )
    .fetch_optional(conn)
    .await
}

/// What can be sold of variants, over all locations. One without a level is left out.
pub async fn available(conn: &mut PgConnection, variants: &[Uuid]) -> Result<HashMap<Uuid, i64>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT variant_id, sum(on_hand - reserved)::int8 AS "units!"
           FROM inventory_levels WHERE variant_id = ANY($1) GROUP BY variant_id"#,
        variants,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.variant_id, row.units)).collect())
}

/// Sets what lies at a location, with the ledger's row. `delta` is how much more that is than before.
/// Violates `inventory_levels_no_oversell` when orders hold more.
pub async fn set(
    conn: &mut PgConnection,
    variant_id: Uuid,
    location_id: Uuid,
    delta: i64,
    kind: MovementKind,
) -> Result<LevelChange, sqlx::Error> {
    let row = sqlx::query!(
        r#"WITH known AS (
               UPDATE inventory_levels SET on_hand = on_hand + $3, version = version + 1, updated_at = now()
               WHERE variant_id = $1 AND location_id = $2
               RETURNING id, on_hand, reserved, version
           ), added AS (
               INSERT INTO inventory_levels (variant_id, location_id, on_hand)
               SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM known)
               RETURNING id, on_hand, reserved, version
           ), level AS (
               SELECT * FROM known UNION ALL SELECT * FROM added
           ), moved AS (
               INSERT INTO stock_movements (level_id, kind, on_hand_delta, reserved_delta)
               SELECT id, $4, $3, 0 FROM level
           ), counted AS (
               UPDATE products SET inventory_count = inventory_count + $3
               FROM variants v WHERE v.id = $1 AND v.deleted_at IS NULL AND products.id = v.product_id
           )
           SELECT level.id AS "id!", level.on_hand AS "on_hand!", level.reserved AS "reserved!", level.version AS "version!",
                  v.product_id
           FROM level, variants v WHERE v.id = $1"#,
        variant_id,
        location_id,
        delta,
        kind.as_str(),
    )
    .fetch_one(conn)
    .await?;
    let level = Level {
        id: row.id,
        variant_id,
        location_id,
        on_hand: row.on_hand,
        reserved: row.reserved,
        version: row.version,
    };
    Ok(LevelChange { level, product_id: row.product_id })
}
