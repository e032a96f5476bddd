//! Categories.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Category, CategoryTree};

/// Which advisory lock stands for the shape of the tree.
const TREE_LOCK: i64 = 0x7472_6565;

/// All live categories.
pub async fn tree(conn: &mut PgConnection) -> Result<CategoryTree, sqlx::Error> {
    let categories = sqlx::query_as!(
        Category,
        r#"SELECT id, parent_id, slug, name, position, version FROM categories
           WHERE deleted_at IS NULL ORDER BY position, name, id"#,
    )
    .fetch_all(conn)
    .await?;
    Ok(CategoryTree::new(categories))
}

/// All live categories, which nobody else changes until the transaction ends: two moves at once could close a circle.
pub async fn lock_tree(conn: &mut PgConnection) -> Result<CategoryTree, sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", TREE_LOCK).fetch_one(&mut *conn).await?;
    tree(conn).await
}

/// Whether a category is there, kept from being deleted until the transaction ends.
pub async fn share(conn: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT true AS "found!" FROM categories WHERE id = $1 AND deleted_at IS NULL FOR SHARE"#,
        id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// How many of these categories are there, kept from being deleted until the transaction ends.
pub async fn share_many(conn: &mut PgConnection, ids: &[Uuid]) -> Result<usize, sqlx::Error> {
    let found =
        sqlx::query!("SELECT id FROM categories WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR SHARE", ids)
            .fetch_all(conn)
            .await?;
    Ok(found.len())
}

/// Adds a category. Violates `idx_categories_slug` when the slug is taken.
pub async fn insert(conn: &mut PgConnection, category: &Category, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"INSERT INTO categories (id, parent_id, slug, name, position, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)"#,
        category.id,
        category.parent_id,
        category.slug,
        category.name,
        category.position,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Writes a category's columns with its next version.
pub async fn update(conn: &mut PgConnection, category: &Category, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"UPDATE categories SET parent_id = $2, slug = $3, name = $4, position = $5, version = $6, updated_at = $7
           WHERE id = $1"#,
        category.id,
        category.parent_id,
        category.slug,
        category.name,
        category.position,
        category.version,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Marks a category as deleted, with its next version, unless a live product is in it. Says whether it did.
pub async fn delete_unless_used(
    conn: &mut PgConnection,
    id: Uuid,
    version: i64,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    // The lock first: a product that is put into the category at this moment holds a share of it (see `share`).
    sqlx::query!("SELECT id FROM categories WHERE id = $1 FOR UPDATE", id).fetch_optional(&mut *conn).await?;
    let deleted = sqlx::query!(
        r#"UPDATE categories SET deleted_at = $3, updated_at = $3, version = $2
           WHERE id = $1
             AND NOT EXISTS (SELECT FROM products WHERE category_id = $1 AND deleted_at IS NULL)"#,
        id,
        version,
        now,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() == 1)
}
