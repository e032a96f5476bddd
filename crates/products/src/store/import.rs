//! Whole batches of an import: what the catalog holds of them, and what is written. New rows go in by COPY, changed ones
//! by one statement a table.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{prices, products};
use crate::domain::{Level, Product};
use crate::import::plan::{ChangedVariant, NewImage, NewPrice, NewProduct, NewVariant, Plan};
use crate::import::snapshot::{KnownProduct, KnownVariant, Snapshot};

/// Reads and locks what the catalog holds of these slugs and SKUs.
pub async fn snapshot(conn: &mut PgConnection, slugs: &[&str], skus: &[&str]) -> Result<Snapshot, sqlx::Error> {
    let found = lock_by_slug(conn, slugs).await?;
    let location_id = default_location(conn).await?;
    let variants = variants_by_sku(conn, skus, location_id).await?;
    let products = with_parts(conn, found).await?;
    Ok(Snapshot { products, variants, location_id })
}

async fn lock_by_slug(conn: &mut PgConnection, slugs: &[&str]) -> Result<Vec<Product>, sqlx::Error> {
    sqlx::query_as!(
        Product,
        r#"SELECT id, slug, name, description, price, category_id, inventory_count, is_active, tags, options, version,
                  created_at, updated_at
           FROM products WHERE slug = ANY($1) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE"#,
        slugs as &[&str],
    )
    .fetch_all(conn)
    .await
}

async fn default_location(conn: &mut PgConnection) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM stock_locations ORDER BY is_default DESC, name, id LIMIT 1")
        .fetch_one(conn)
        .await
}

async fn with_parts(
    conn: &mut PgConnection,
    found: Vec<Product>,
) -> Result<HashMap<String, KnownProduct>, sqlx::Error> {
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = found.iter().map(|product| product.id).collect();
    let mut images: HashMap<Uuid, Vec<(String, String)>> = HashMap::new();
    for image in products::images(conn, &ids).await? {
        images.entry(image.product_id).or_default().push((image.url, image.alt));
    }
    let counts = sqlx::query!(
        r#"SELECT product_id, count(*) AS "count!", max(position) AS "last!" FROM variants
           WHERE product_id = ANY($1) AND deleted_at IS NULL GROUP BY product_id"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let counts: HashMap<Uuid, (usize, i64)> = counts
        .into_iter()
        .map(|row| (row.product_id, (usize::try_from(row.count).unwrap_or_default(), row.last)))
        .collect();
    let known = |product: Product| {
        let (variants, last_position) = counts.get(&product.id).copied().unwrap_or_default();
        let images = images.remove(&product.id).unwrap_or_default();
        (product.slug.clone(), KnownProduct { product, images, variants, last_position })
    };
    Ok(found.into_iter().map(known).collect())
}

async fn variants_by_sku(
    conn: &mut PgConnection,
    skus: &[&str],
    location_id: Uuid,
) -> Result<HashMap<String, KnownVariant>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id, product_id, sku, name, options AS "options: Json<BTreeMap<String, String>>", weight_grams, version
           FROM variants WHERE sku = ANY($1) AND deleted_at IS NULL"#,
        skus as &[&str],
    )
    .fetch_all(&mut *conn)
    .await?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut by_variant: HashMap<Uuid, BTreeMap<_, _>> = HashMap::new();
    for price in prices::of_variants(conn, &ids).await? {
        let amounts = (price.money.amount, price.compare_at);
        by_variant.entry(price.variant_id).or_default().insert(price.money.currency, amounts);
    }
    let levels = sqlx::query_as!(
        Level,
        r#"SELECT id, variant_id, location_id, on_hand, reserved, version FROM inventory_levels
           WHERE variant_id = ANY($1) AND location_id = $2"#,
        &ids,
        location_id,
    )
    .fetch_all(conn)
    .await?;
    let mut levels: HashMap<Uuid, Level> = levels.into_iter().map(|level| (level.variant_id, level)).collect();
    let known = rows.into_iter().map(|row| {
        let variant = KnownVariant {
            id: row.id,
            product_id: row.product_id,
            name: row.name,
            options: row.options.0,
            weight_grams: row.weight_grams,
            version: row.version,
            prices: by_variant.remove(&row.id).unwrap_or_default(),
            level: levels.remove(&row.id),
        };
        (row.sku, variant)
    });
    Ok(known.collect())
}

/// Writes all that a plan says but its events. `currency` and `decimals` are of the listing.
pub async fn write(
    conn: &mut PgConnection,
    plan: &Plan<'_>,
    currency: &str,
    decimals: i32,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    copy_products(conn, &plan.new_products, now).await?;
    update_products(conn, &plan.changed_products, now).await?;
    if !plan.cleared_images.is_empty() {
        sqlx::query!("DELETE FROM product_images WHERE product_id = ANY($1)", &plan.cleared_images)
            .execute(&mut *conn)
            .await?;
    }
    copy_images(conn, &plan.new_images).await?;
    copy_variants(conn, &plan.new_variants, now).await?;
    update_variants(conn, &plan.changed_variants, now).await?;
    copy_prices(conn, &plan.new_prices).await?;
    update_prices(conn, &plan.changed_prices).await?;
    copy_levels(conn, plan).await?;
    update_levels(conn, plan).await?;
    refresh_figures(conn, &plan.refreshed, currency, decimals).await
}

async fn copy_products(conn: &mut PgConnection, new: &[NewProduct<'_>], now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut rows = CopyText::default();
    for NewProduct { id, draft, name, category_id, price, inventory_count } in new {
        rows.plain(id).text(&draft.slug).text(name).text(draft.description.as_deref().unwrap_or_default());
        rows.optional(price.as_ref()).optional(category_id.as_ref()).plain(inventory_count);
        rows.plain(draft.active.unwrap_or(true)).array(draft.tags.as_deref()).array(draft.options.as_deref());
        rows.plain(&now).plain(&now).end();
    }
    rows.send(
        conn,
        "COPY products (id, slug, name, description, price, category_id, inventory_count, is_active, tags, options,
                        created_at, updated_at) FROM STDIN",
    )
    .await
}

async fn copy_images(conn: &mut PgConnection, new: &[NewImage<'_>]) -> Result<(), sqlx::Error> {
    let mut rows = CopyText::default();
    for NewImage { product_id, position, image: (url, alt) } in new {
        rows.plain(kernel::id::new_id()).plain(product_id).text(url).text(alt).plain(position).end();
    }
    rows.send(conn, "COPY product_images (id, product_id, url, alt, position) FROM STDIN").await
}

async fn copy_variants(conn: &mut PgConnection, new: &[NewVariant<'_>], now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let nothing = BTreeMap::new();
    let mut rows = CopyText::default();
    for NewVariant { id, product_id, draft, name, position } in new {
        rows.plain(id).plain(product_id).text(&draft.sku).text(name);
        rows.text(&json(draft.options.as_ref().unwrap_or(&nothing)));
        rows.plain(draft.weight_grams.unwrap_or_default()).plain(position).plain(&now).plain(&now).end();
    }
    rows.send(
        conn,
        "COPY variants (id, product_id, sku, name, options, weight_grams, position, created_at, updated_at) FROM STDIN",
    )
    .await
}

async fn copy_prices(conn: &mut PgConnection, new: &[NewPrice]) -> Result<(), sqlx::Error> {
    let mut rows = CopyText::default();
    for NewPrice { variant_id, money, compare_at } in new {
        rows.plain(variant_id).plain(money.currency).plain(money.amount).optional(compare_at.as_ref()).end();
    }
    rows.send(conn, "COPY variant_prices (variant_id, currency, amount, compare_at) FROM STDIN").await
}

async fn copy_levels(conn: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    let mut rows = CopyText::default();
    for change in &plan.new_levels {
        let level = &change.level;
        rows.plain(level.id).plain(level.variant_id).plain(level.location_id).plain(level.on_hand).end();
    }
    rows.send(conn, "COPY inventory_levels (id, variant_id, location_id, on_hand) FROM STDIN").await?;
    let mut moves = CopyText::default();
    let added = plan.new_levels.iter().map(|change| (change, change.level.on_hand));
    for (change, delta) in added.chain(plan.changed_levels.iter().map(|(change, delta)| (change, *delta))) {
        moves.plain(change.level.id).plain("import").plain(delta).plain(0).end();
    }
    moves.send(conn, "COPY stock_movements (level_id, kind, on_hand_delta, reserved_delta) FROM STDIN").await
}

async fn update_products(conn: &mut PgConnection, changed: &[Product], now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changed.iter().map(|product| product.id).collect();
    let names: Vec<&str> = changed.iter().map(|product| product.name.as_str()).collect();
    let descriptions: Vec<&str> = changed.iter().map(|product| product.description.as_str()).collect();
    let categories: Vec<Option<Uuid>> = changed.iter().map(|product| product.category_id).collect();
    let active: Vec<bool> = changed.iter().map(|product| product.is_active).collect();
    let tags: Vec<_> = changed.iter().map(|product| Json(&product.tags)).collect();
    let options: Vec<_> = changed.iter().map(|product| Json(&product.options)).collect();
    let versions: Vec<i64> = changed.iter().map(|product| product.version).collect();
    sqlx::query!(
        r#"UPDATE products p
           SET name = c.name, description = c.description, category_id = c.category_id, is_active = c.is_active,
               tags = ARRAY(SELECT jsonb_array_elements_text(c.tags)),
               options = ARRAY(SELECT jsonb_array_elements_text(c.options)), version = c.version, updated_at = $9
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bool[], $6::jsonb[], $7::jsonb[], $8::int8[])
                AS c(id, name, description, category_id, is_active, tags, options, version)
           WHERE p.id = c.id"#,
        &ids,
        &names as &[&str],
        &descriptions as &[&str],
        &categories as &[Option<Uuid>],
        &active,
        &tags as _,
        &options as _,
        &versions,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

async fn update_variants(
    conn: &mut PgConnection,
    changed: &[ChangedVariant<'_>],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changed.iter().map(|variant| variant.id).collect();
    let names: Vec<&str> = changed.iter().map(|variant| variant.name).collect();
    let options: Vec<_> = changed.iter().map(|variant| Json(variant.options)).collect();
    let weights: Vec<i64> = changed.iter().map(|variant| variant.weight_grams).collect();
    let versions: Vec<i64> = changed.iter().map(|variant| variant.version).collect();
    sqlx::query!(
        r#"UPDATE variants v
           SET name = c.name, options = c.options, weight_grams = c.weight_grams, version = c.version, updated_at = $6
           FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::int8[], $5::int8[])
                AS c(id, name, options, weight_grams, version)
           WHERE v.id = c.id"#,
        &ids,
        &names as &[&str],
        &options as _,
        &weights,
        &versions,
        now,
    )
    .execute(conn)
    .await
    .map(drop)
}

async fn update_prices(conn: &mut PgConnection, changed: &[NewPrice]) -> Result<(), sqlx::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let variants: Vec<Uuid> = changed.iter().map(|price| price.variant_id).collect();
    let currencies: Vec<&str> = changed.iter().map(|price| price.money.currency.as_str()).collect();
    let amounts: Vec<i64> = changed.iter().map(|price| price.money.amount).collect();
    let before: Vec<Option<i64>> = changed.iter().map(|price| price.compare_at).collect();
    sqlx::query!(
        r#"UPDATE variant_prices p SET amount = c.amount, compare_at = c.compare_at, updated_at = now()
           FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::int8[]) AS c(variant_id, currency, amount, compare_at)
           WHERE p.variant_id = c.variant_id AND p.currency = c.currency"#,
        &variants,
        &currencies as &[&str],
        &amounts,
        &before as &[Option<i64>],
    )
    .execute(conn)
    .await
    .map(drop)
}

async fn update_levels(conn: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    if plan.changed_levels.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = plan.changed_levels.iter().map(|(change, _)| change.level.id).collect();
    let deltas: Vec<i64> = plan.changed_levels.iter().map(|(_, delta)| *delta).collect();
    sqlx::query!(
        r#"UPDATE inventory_levels l SET on_hand = l.on_hand + c.delta, version = l.version + 1, updated_at = now()
           FROM unnest($1::uuid[], $2::int8[]) AS c(id, delta) WHERE l.id = c.id"#,
        &ids,
        &deltas,
    )
    .execute(conn)
    .await
    .map(drop)
}

async fn refresh_figures(
    conn: &mut PgConnection,
    ids: &[Uuid],
    currency: &str,
    decimals: i32,
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"UPDATE products p
           SET price = (SELECT trunc(min(vp.amount) / power(10::numeric, $3::int), 2)
                        FROM variants v JOIN variant_prices vp ON vp.variant_id = v.id
                        WHERE v.product_id = p.id AND v.deleted_at IS NULL AND vp.currency = $2),
               inventory_count = (SELECT COALESCE(sum(l.on_hand - l.reserved), 0)
                                  FROM variants v JOIN inventory_levels l ON l.variant_id = v.id
                                  WHERE v.product_id = p.id AND v.deleted_at IS NULL)
           WHERE p.id = ANY($1)"#,
        ids,
        currency,
        decimals,
    )
    .execute(conn)
    .await
    .map(drop)
}

fn json(options: &BTreeMap<String, String>) -> String {
    // A map of texts is always JSON.
    serde_json::to_string(options).unwrap_or_default()
}

/// Rows in COPY's text format.
#[derive(Default)]
struct CopyText {
    text: String,
    started: bool,
}

impl CopyText {
    fn next(&mut self) -> &mut String {
        if std::mem::replace(&mut self.started, true) {
            self.text.push('\t');
        }
        &mut self.text
    }

    /// A value whose text has nothing to escape.
    fn plain(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.next(), "{value}");
        self
    }

    fn optional(&mut self, value: Option<&impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.plain("\\N"),
        }
    }

    fn text(&mut self, value: &str) -> &mut Self {
        let out = self.next();
        for letter in value.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                other => out.push(other),
            }
        }
        self
    }

    /// An array of texts; none is an empty one.
    fn array(&mut self, values: Option<&[String]>) -> &mut Self {
        let quoted = |value: &String| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let quoted: Vec<String> = values.unwrap_or_default().iter().map(quoted).collect();
        self.text(&format!("{{{}}}", quoted.join(",")))
    }

    fn end(&mut self) {
        self.text.push('\n');
        self.started = false;
    }

    async fn send(self, conn: &mut PgConnection, statement: &'static str) -> Result<(), sqlx::Error> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut copy = conn.copy_in_raw(statement).await?;
        copy.send(self.text.as_bytes()).await?;
        copy.finish().await.map(drop)
    }
}
