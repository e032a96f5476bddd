//! The catalog in the order of its slugs, a page at a time.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// A product to write out.
#[derive(Debug)]
pub struct ExportedProduct {
    /// Its id.
    pub id: Uuid,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its category.
    pub category_id: Option<Uuid>,
    /// Whether customers see it.
    pub is_active: bool,
    /// Words to group by.
    pub tags: Vec<String>,
    /// What its variants differ in.
    pub options: Vec<String>,
}

/// A variant to write out.
#[derive(Debug)]
pub struct ExportedVariant {
    /// Its id.
    pub id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// Stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// What it chooses.
    pub options: Json<BTreeMap<String, String>>,
    /// Weight in grams.
    pub weight_grams: i64,
    /// Units at the default location.
    pub on_hand: i64,
}

/// Live products after `slug`, in order: one index scan that stops after a page.
pub async fn page(conn: &mut PgConnection, slug: &str, limit: i64) -> Result<Vec<ExportedProduct>, sqlx::Error> {
    sqlx::query_as!(
        ExportedProduct,
        r#"SELECT id, slug, name, description, category_id, is_active, tags, options FROM products
           WHERE deleted_at IS NULL AND slug > $1 ORDER BY slug LIMIT $2"#,
        slug,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Live variants of products, in order.
pub async fn variants(conn: &mut PgConnection, products: &[Uuid]) -> Result<Vec<ExportedVariant>, sqlx::Error> {
    sqlx::query_as!(
        ExportedVariant,
        r#"SELECT v.id, v.product_id, v.sku, v.name, v.options AS "options: Json<BTreeMap<String, String>>",
                  v.weight_grams, COALESCE(l.on_hand, 0) AS "on_hand!"
           FROM variants v
           LEFT JOIN inventory_levels l ON l.variant_id = v.id
                AND l.location_id = (SELECT id FROM stock_locations ORDER BY is_default DESC, name, id LIMIT 1)
           WHERE v.product_id = ANY($1) AND v.deleted_at IS NULL
           ORDER BY v.product_id, v.position, v.id"#,
        products,
    )
    .fetch_all(conn)
    .await
}

/// The currencies that something is sold in, sorted, and how many options a product has at the most. Reads whole tables:
/// once for a CSV, whose header has to name them.
pub async fn extent(conn: &mut PgConnection) -> Result<(Vec<String>, usize), sqlx::Error> {
    let currencies = sqlx::query_scalar!(
        r#"SELECT DISTINCT vp.currency FROM variant_prices vp
           JOIN variants v ON v.id = vp.variant_id AND v.deleted_at IS NULL
           JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL
           ORDER BY vp.currency"#,
    )
    .fetch_all(&mut *conn)
    .await?;
    let options = sqlx::query_scalar!(
        r#"SELECT COALESCE(max(cardinality(options)), 0) AS "options!" FROM products WHERE deleted_at IS NULL"#,
    )
    .fetch_one(conn)
    .await?;
    Ok((currencies, usize::try_from(options).unwrap_or_default()))
}
