//! Products and their pictures.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Image, Product};

/// A new product's columns.
#[derive(Debug)]
pub struct NewProduct<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its name in addresses.
    pub slug: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub description: &'a str,
    /// Its category.
    pub category_id: Option<Uuid>,
    /// Whether customers see it.
    pub is_active: bool,
    /// Words to group by.
    pub tags: &'a [String],
    /// What its variants differ in.
    pub options: &'a [String],
    /// When it is made.
    pub now: DateTime<Utc>,
}

/// Adds a product. Violates `idx_products_slug` when the slug is taken.
pub async fn insert(conn: &mut PgConnection, new: &NewProduct<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"INSERT INTO products (id, slug, name, description, category_id, is_active, tags, options, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"#,
        new.id,
        new.slug,
        new.name,
        new.description,
        new.category_id,
        new.is_active,
        new.tags,
        new.options,
        new.now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Live products by id, in no order.
pub async fn find_many(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        r#"SELECT id, slug, name, description, price, category_id, inventory_count, is_active, tags, options, version,
                  created_at, updated_at
           FROM products WHERE id = ANY($1) AND deleted_at IS NULL"#,
        ids,
    )
    .fetch_all(conn)
    .await
}

/// A live product by slug.
pub async fn find_by_slug(conn: &mut PgConnection, slug: &str) -> Result<Option<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        r#"SELECT id, slug, name, description, price, category_id, inventory_count, is_active, tags, options, version,
                  created_at, updated_at
           FROM products WHERE slug = $1 AND deleted_at IS NULL"#,
        slug,
    )
    .fetch_optional(conn)
    .await
}

/// A live product, locked until the transaction ends. Whatever changes a product, its variants or their stock holds this
/// lock first.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        r#"SELECT id, slug, name, description, price, category_id, inventory_count, is_active, tags, options, version,
                  created_at, updated_at
           FROM products WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"#,
        id,
    )
    .fetch_optional(conn)
    .await
}

/// Locks the products of variants, in one order for everyone, so that no two transactions wait for each other. Planned
/// once, as `variants::offers`.
pub async fn lock_of_variants(conn: &mut PgConnection, variants: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"SELECT id FROM products WHERE id IN (SELECT product_id FROM variants WHERE id = ANY((SELECT $1::uuid[])::uuid[]))
           ORDER BY id FOR NO KEY UPDATE"#,
        variants,
    )
    .fetch_all(conn)
    .await
    .map(drop)
}

/// Locks the products that an order holds stock of, in the same order.
pub async fn lock_of_order(conn: &mut PgConnection, order_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"SELECT id FROM products WHERE id IN (
               SELECT v.product_id FROM reservation_lines r
               JOIN inventory_levels l ON l.id = r.level_id JOIN variants v ON v.id = l.variant_id
               WHERE r.order_id = $1)
           ORDER BY id FOR NO KEY UPDATE"#,
        order_id,
    )
    .fetch_all(conn)
    .await
    .map(drop)
}

/// Writes a product's own columns with its next version.
pub async fn update(conn: &mut PgConnection, product: &Product) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"UPDATE products
           SET slug = $2, name = $3, description = $4, category_id = $5, is_active = $6, tags = $7, options = $8,
               version = $9, updated_at = $10
           WHERE id = $1"#,
        product.id,
        product.slug,
        product.name,
        product.description,
        product.category_id,
        product.is_active,
        &product.tags,
        &product.options,
        product.version,
        product.updated_at,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Marks a product as deleted, with its next version.
pub async fn delete(conn: &mut PgConnection, id: Uuid, version: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE products SET deleted_at = $3, updated_at = $3, version = $2, inventory_count = 0 WHERE id = $1",
        id,
        version,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Writes the listing's figures anew from the product's live variants. `$2` is the shop's currency, `$3` its decimals.
pub async fn refresh_figures(
    conn: &mut PgConnection,
    id: Uuid,
    currency: &str,
    decimals: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"UPDATE products p
           SET price = (SELECT trunc(min(vp.amount) / power(10::numeric, $3::int), 2)
                        FROM variants v JOIN variant_prices vp ON vp.variant_id = v.id
                        WHERE v.product_id = p.id AND v.deleted_at IS NULL AND vp.currency = $2),
               inventory_count = (SELECT COALESCE(sum(l.on_hand - l.reserved), 0)
                                  FROM variants v JOIN inventory_levels l ON l.variant_id = v.id
                                  WHERE v.product_id = p.id AND v.deleted_at IS NULL)
           WHERE p.id = $1"#,
        id,
        currency,
        decimals,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Pictures of products, in order.
pub async fn images(conn: &mut PgConnection, products: &[Uuid]) -> Result<Vec<Image>, sqlx::Error> {
    sqlx::query_as!(
        Image,
        r#"SELECT id, product_id, url, alt FROM product_images WHERE product_id = ANY($1) ORDER BY product_id, position, id"#,
        products,
    )
    .fetch_all(conn)
    .await
}

/// Puts these pictures (address, description) in the place of a product's.
pub async fn replace_images(
    conn: &mut PgConnection,
    product_id: Uuid,
    urls: &[String],
    alts: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM product_images WHERE product_id = $1", product_id).execute(&mut *conn).await?;
    sqlx::query!(
        r#"INSERT INTO product_images (product_id, url, alt, position)
           SELECT $1, url, alt, position FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS i(url, alt, position)"#,
        product_id,
        urls,
        alts,
    )
    .execute(conn)
    .await
    .map(drop)
}
