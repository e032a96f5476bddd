//! Pages of products. Each order has four statements of the same columns, because each is read another way:
//!
//! - the whole catalog: an index in this order, which stops after a page of rows;
//! - categories: per category an index in this order, which stops after a page of rows, then a merge of those. What is
//!   read grows with the number of categories, never with the number of products;
//! - a text: its first matches, sorted;
//! - a choice of ids: those, sorted.
//!
//! They are apart rather than one with `$1 IS NULL OR ...`, since PostgreSQL keeps one plan for all values after a few
//! calls, and no index serves such a condition there. What the index gives is filtered by price (where that is not the
//! order), stock and visibility.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::Product;
use crate::domain::listing::{After, Filter, Listed, Sort};

/// How many matches of a text are ranked by relevance. A text that matches more products says little; ranking the first
/// of them keeps the time bounded.
pub const RANKED_MATCHES: i64 = 1000;
/// How many matches of a text are put into another order.
pub const SORTED_MATCHES: i64 = 5_000;

struct Row {
    id: Uuid,
    slug: String,
    name: String,
    description: String,
    price: Option<Decimal>,
    category_id: Option<Uuid>,
    inventory_count: i64,
    is_active: bool,
    tags: Vec<String>,
    options: Vec<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    rank: f32,
}

impl From<Row> for Listed {
    fn from(row: Row) -> Self {
        let Row { id, slug, name, description, price, category_id, inventory_count, is_active, tags, options, .. } =
            row;
        let Row { version, created_at, updated_at, rank, .. } = row;
        let product = Product {
            id,
            slug,
            name,
            description,
            price,
            category_id,
            inventory_count,
            is_active,
            tags,
            options,
            version,
            created_at,
            updated_at,
        };
        Self { product, rank }
    }
}

/// The statements of one order. `$start` goes before every row of the page; the rest are SQL: the condition on the
/// price, and the order's columns with their direction. Parameters: 1 and 2 the start, 3 and 4 the bounds of the price,
/// 5 in stock, 6 also inactive, 7 how many; then what each statement needs.
macro_rules! pages_in_order {
    ($name:ident, $key:ty, $start:literal, $price:literal, $order:literal) => {
        async fn $name(
            conn: &mut PgConnection,
            filter: &Filter,
            (key, id): ($key, Uuid),
            limit: i64,
        ) -> Result<Vec<Row>, sqlx::Error> {
            let Filter { categories, ids, text, price_min, price_max, in_stock, include_inactive } = filter;
            if let Some(ids) = ids {
                return sqlx::query_as!(
                    Row,
                    r#"SELECT id, slug, name, description, price, category_id, inventory_count, is_active, tags, options,
                              version, created_at, updated_at, 0::float4 AS "rank!"
                       FROM products
                       WHERE id = ANY($8) AND deleted_at IS NULL
                         AND ($9::uuid[] IS NULL OR category_id = ANY($9))
                         AND ($10::text IS NULL OR search @@ websearch_to_tsquery('english', $10))
                         AND ($5::bool IS NULL OR (inventory_count > 0) = $5) AND ($6 OR is_active) AND "#
                        + $start + " AND " + $price + " ORDER BY " + $order + " LIMIT $7",
                    key, id, *price_min, *price_max, *in_stock, include_inactive, limit, ids, categories.as_deref(), text.as_deref(),
                )
                .fetch_all(conn)
                .await;
            }
            if let Some(text) = text {
                return sqlx::query_as!(
                    Row,
                    r#"WITH matches AS MATERIALIZED (
                           SELECT * FROM products
                           WHERE search @@ websearch_to_tsquery('english', $8) AND deleted_at IS NULL
                             AND ($9::uuid[] IS NULL OR category_id = ANY($9))
                             AND ($5::bool IS NULL OR (inventory_count > 0) = $5) AND ($6 OR is_active) AND "#
                        + $price + r#" LIMIT $10)
                       SELECT id AS "id!", slug AS "slug!", name AS "name!", description AS "description!", price, category_id,
                              inventory_count AS "inventory_count!", is_active AS "is_active!", tags AS "tags!",
                              options AS "options!", version AS "version!", created_at AS "created_at!",
                              updated_at AS "updated_at!", 0::float4 AS "rank!"
                       FROM matches products WHERE "#
                        + $start + " ORDER BY " + $order + " LIMIT $7",
                    key, id, *price_min, *price_max, *in_stock, include_inactive, limit, text, categories.as_deref(), SORTED_MATCHES,
                )
                .fetch_all(conn)
                .await;
            }
            if let Some(categories) = categories {
                return sqlx::query_as!(
                    Row,
                    r#"SELECT p.id AS "id!", p.slug AS "slug!", p.name AS "name!", p.description AS "description!", p.price,
                              p.category_id, p.inventory_count AS "inventory_count!", p.is_active AS "is_active!",
                              p.tags AS "tags!", p.options AS "options!", p.version AS "version!",
                              p.created_at AS "created_at!", p.updated_at AS "updated_at!", 0::float4 AS "rank!"
                       FROM unnest($8::uuid[]) AS c(category)
                       CROSS JOIN LATERAL (
                           SELECT * FROM products
                           WHERE category_id = c.category AND deleted_at IS NULL
                             AND ($5::bool IS NULL OR (inventory_count > 0) = $5) AND ($6 OR is_active) AND "#
                        + $start + " AND " + $price + " ORDER BY " + $order
                        + " LIMIT $7) p ORDER BY " + $order + " LIMIT $7",
                    key, id, *price_min, *price_max, *in_stock, include_inactive, limit, categories,
                )
                .fetch_all(conn)
                .await;
            }
            sqlx::query_as!(
                Row,
                r#"SELECT id, slug, name, description, price, category_id, inventory_count, is_active, tags, options,
                          version, created_at, updated_at, 0::float4 AS "rank!"
                   FROM products
                   WHERE deleted_at IS NULL
                     AND ($5::bool IS NULL OR (inventory_count > 0) = $5) AND ($6 OR is_active) AND "#
                    + $start + " AND " + $price + " ORDER BY " + $order + " LIMIT $7",
                key, id, *price_min, *price_max, *in_stock, include_inactive, limit,
            )
            .fetch_all(conn)
            .await
        }
    };
}

// By price, the bound in the direction of the order is part of the start (see `After::first`); an index takes the other.
pages_in_order!(
    cheapest_first,
    Decimal,
    "(price, products.id) > ($1, $2)",
    "price <= COALESCE($4::numeric, 99999999.99) AND ($3::numeric IS NULL OR price >= $3)",
    "price, id"
);
pages_in_order!(
    dearest_first,
    Decimal,
    "(price, products.id) < ($1, $2)",
    "price >= COALESCE($3::numeric, 0) AND ($4::numeric IS NULL OR price <= $4)",
    "price DESC, id DESC"
);
pages_in_order!(
    newest_first,
    DateTime<Utc>,
    "(created_at, products.id) < ($1, $2)",
    "($3::numeric IS NULL OR price >= $3) AND ($4::numeric IS NULL OR price <= $4)",
    "created_at DESC, id DESC"
);
pages_in_order!(
    by_name,
    String,
    "(name, products.id) > ($1, $2)",
    "($3::numeric IS NULL OR price >= $3) AND ($4::numeric IS NULL OR price <= $4)",
    "name, id"
);

/// The best matches of a text among the first [`RANKED_MATCHES`].
async fn by_relevance(
    conn: &mut PgConnection,
    filter: &Filter,
    (rank, id): (f32, Uuid),
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let Filter { categories, ids, text, price_min, price_max, in_stock, include_inactive } = filter;
    sqlx::query_as!(
        Row,
        r#"WITH asked AS (SELECT websearch_to_tsquery('english', $10) AS query),
           matches AS MATERIALIZED (
               SELECT p.*, ts_rank(p.search, (SELECT query FROM asked)) AS rank
               FROM products p
               WHERE p.search @@ websearch_to_tsquery('english', $10) AND p.deleted_at IS NULL
                 AND ($8::uuid[] IS NULL OR p.category_id = ANY($8))
                 AND ($9::uuid[] IS NULL OR p.id = ANY($9))
                 AND ($3::numeric IS NULL OR p.price >= $3) AND ($4::numeric IS NULL OR p.price <= $4)
                 AND ($5::bool IS NULL OR (p.inventory_count > 0) = $5) AND ($6 OR p.is_active)
               LIMIT $11
           )
           SELECT id AS "id!", slug AS "slug!", name AS "name!", description AS "description!", price, category_id,
                  inventory_count AS "inventory_count!", is_active AS "is_active!", tags AS "tags!", options AS "options!",
                  version AS "version!", created_at AS "created_at!", updated_at AS "updated_at!", rank AS "rank!"
           FROM matches WHERE (rank, id) < ($1, $2)
           ORDER BY rank DESC, id DESC LIMIT $7"#,
        rank,
        id,
        *price_min,
        *price_max,
        *in_stock,
        include_inactive,
        limit,
        categories.as_deref(),
        ids.as_deref(),
        text.as_deref(),
        RANKED_MATCHES,
    )
    .fetch_all(conn)
    .await
}

/// `limit` products after `after`, in the order `sort`.
pub async fn page(
    conn: &mut PgConnection,
    filter: &Filter,
    sort: Sort,
    after: After,
    limit: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = match (sort, after) {
        (Sort::PriceAsc, After::Price(price, id)) => cheapest_first(conn, filter, (price, id), limit).await?,
        (Sort::PriceDesc, After::Price(price, id)) => dearest_first(conn, filter, (price, id), limit).await?,
        (Sort::Newest, After::Created(at, id)) => newest_first(conn, filter, (at, id), limit).await?,
        (Sort::Name, After::Name(name, id)) => by_name(conn, filter, (name, id), limit).await?,
        (Sort::Relevance, After::Rank(rank, id)) => by_relevance(conn, filter, (rank, id), limit).await?,
        // `After` is made for the sort that it is used with.
        _ => Vec::new(),
    };
    Ok(rows.into_iter().map(Listed::from).collect())
}
