//! Variants.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kernel::Currency;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::Variant;

struct Row {
    id: Uuid,
    product_id: Uuid,
    sku: String,
    name: String,
    options: Json<BTreeMap<String, String>>,
    weight_grams: i64,
    version: i64,
    available: i64,
}

impl From<Row> for Variant {
    fn from(row: Row) -> Self {
        let Row { id, product_id, sku, name, options, weight_grams, version, available } = row;
        Self { id, product_id, sku, name, options: options.0, weight_grams, version, available }
    }
}

/// Live variants of products, in order.
pub async fn of_products(conn: &mut PgConnection, products: &[Uuid]) -> Result<Vec<Variant>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT v.id, v.product_id, v.sku, v.name, v.options AS "options: Json<BTreeMap<String, String>>",
                  v.weight_grams, v.version,
                  (SELECT COALESCE(sum(l.on_hand - l.reserved), 0)::int8 FROM inventory_levels l
                   WHERE l.variant_id = v.id) AS "available!"
           FROM variants v WHERE v.product_id = ANY($1) AND v.deleted_at IS NULL
           ORDER BY v.product_id, v.position, v.id"#,
        products,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Variant::from).collect())
}

/// A live variant. Lock its product before relying on it.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<Variant>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT v.id, v.product_id, v.sku, v.name, v.options AS "options: Json<BTreeMap<String, String>>",
                  v.weight_grams, v.version,
                  (SELECT COALESCE(sum(l.on_hand - l.reserved), 0)::int8 FROM inventory_levels l
                   WHERE l.variant_id = v.id) AS "available!"
           FROM variants v WHERE v.id = $1 AND v.deleted_at IS NULL"#,
        id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Variant::from))
}

/// Adds a variant at the end of its product's. Violates `idx_variants_sku` when the SKU is taken.
pub async fn insert(conn: &mut PgConnection, variant: &Variant, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"INSERT INTO variants (id, product_id, sku, name, options, weight_grams, position, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, (SELECT COALESCE(max(position), 0) + 1 FROM variants WHERE product_id = $2), $7, $7)"#,
        variant.id,
        variant.product_id,
        variant.sku,
        variant.name,
        Json(&variant.options) as _,
        variant.weight_grams,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Writes a variant's columns with its next version.
pub async fn update(conn: &mut PgConnection, variant: &Variant, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"UPDATE variants SET sku = $2, name = $3, options = $4, weight_grams = $5, version = $6, updated_at = $7
           WHERE id = $1"#,
        variant.id,
        variant.sku,
        variant.name,
        Json(&variant.options) as _,
        variant.weight_grams,
        variant.version,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Marks live variants as deleted: one, or all of a product.
pub async fn delete(
    conn: &mut PgConnection,
    product_id: Uuid,
    only: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"UPDATE variants SET deleted_at = $3, updated_at = $3, version = version + 1
           WHERE product_id = $1 AND ($2::uuid IS NULL OR id = $2) AND deleted_at IS NULL"#,
        product_id,
        only,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// A variant for a quote.
#[derive(Debug)]
pub struct Offer {
    /// The variant.
    pub variant_id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// Stock keeping unit.
    pub sku: String,
    /// The product's name in addresses.
    pub product_slug: String,
    /// The product's name.
    pub product_name: String,
    /// The variant's name.
    pub variant_name: String,
    /// Weight in grams.
    pub weight_grams: i64,
    /// Price of a unit in minor units, if it is sold in the currency asked for.
    pub amount: Option<i64>,
    /// Units that can be sold.
    pub available: i64,
}

/// Variants that are for sale, with their price in `currency`.
///
/// Asked for at every step of a cart. `(SELECT $1)` hides the number of variants from the planner: otherwise a plan for few
/// looks so much better than one for any number that it plans anew at every call, which takes ten times as long as the
/// query.
pub async fn offers(conn: &mut PgConnection, variants: &[Uuid], currency: Currency) -> Result<Vec<Offer>, sqlx::Error> {
    sqlx::query_as!(
        Offer,
        r#"SELECT v.id AS variant_id, v.product_id, v.sku, p.slug AS product_slug, p.name AS product_name,
                  v.name AS variant_name, v.weight_grams, vp.amount AS "amount?",
                  (SELECT COALESCE(sum(l.on_hand - l.reserved), 0)::int8 FROM inventory_levels l
                   WHERE l.variant_id = v.id) AS "available!"
           FROM variants v
           JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL AND p.is_active
           LEFT JOIN variant_prices vp ON vp.variant_id = v.id AND vp.currency = $2
           WHERE v.id = ANY((SELECT $1::uuid[])::uuid[]) AND v.deleted_at IS NULL"#,
        variants,
        currency.as_str(),
    )
    .fetch_all(conn)
    .await
}
