//! What the role does, one file a use case: begins the transaction, decides, writes, emits, commits, marks the caches.

mod commit_stock;
mod create_category;
mod create_product;
mod create_variant;
mod delete_category;
mod delete_product;
mod delete_variant;
mod expire_reservations;
mod export_products;
mod find_product_import;
mod find_products;
mod findings;
mod import_categories;
mod import_products;
mod list_products;
mod load_details;
mod quote_variants;
mod release_stock;
mod reserve_stock;
mod set_inventory_level;
mod set_variant_price;
mod turns;
mod update_category;
mod update_product;
mod update_variant;

pub use create_category::CreateCategory;
pub use create_product::{CreateProduct, NewImage};
pub use create_variant::{CreateVariant, NewPrice, NewVariant};
pub use export_products::ExportFormat;
pub use import_products::{ImportOptions, ImportReport, ImportStep};
pub use list_products::{ListProducts, Listing};
pub use set_inventory_level::{LevelSet, SetInventoryLevel};
pub use set_variant_price::SetVariantPrice;
pub(crate) use turns::Turns;
pub use update_category::UpdateCategory;
pub use update_product::UpdateProduct;
pub use update_variant::UpdateVariant;

use events::inventory::{self, InventoryChanged};
use events::product::{self, ProductUpdated, VariantPrice};
use kernel::{Context, ErrorKind, Failure, Scope};
use messaging::NewEvent;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cache::Tag;
use crate::domain::{LevelChange, Product, Variant};
use crate::{Error, Products, store};

/// Refuses who may not change the catalog.
pub(crate) fn require_write(context: &Context) -> Result<(), Error> {
    require(context, Scope::WriteProducts)
}

/// Refuses who does not hold `scope`.
fn require(context: &Context, scope: Scope) -> Result<(), Error> {
    if context.has_scope(scope) {
        return Ok(());
    }
    let (kind, code, message) = match context.user_id() {
        None => (ErrorKind::Unauthenticated, "TOKEN_MISSING", "This operation needs an access token"),
        Some(_) => (ErrorKind::Forbidden, "SCOPE_MISSING", "The access token does not allow this operation"),
    };
    Err(Failure::new(kind, code, message).into())
}

/// Refuses a change of an object that is at another version than its changer has seen.
fn expect_version(expected: Option<i64>, actual: i64) -> Result<(), Error> {
    if expected.is_none_or(|expected| expected == actual) { Ok(()) } else { Err(Error::VersionMismatch) }
}

/// The payload as the event log keeps it.
fn data(payload: &impl Serialize) -> serde_json::Value {
    // Payloads are structs of plain values: writing them as JSON cannot fail.
    serde_json::to_value(payload).unwrap_or_default()
}

/// A live variant with its product, which stays locked until the transaction ends.
async fn lock_variant(conn: &mut PgConnection, id: Uuid) -> Result<(Product, Variant), Error> {
    let product_id = store::variants::find(conn, id).await?.ok_or(Error::VariantNotFound)?.product_id;
    let product = store::products::lock(conn, product_id).await?.ok_or(Error::VariantNotFound)?;
    // Read again: it may have changed before the lock was there.
    let variant = store::variants::find(conn, id).await?.ok_or(Error::VariantNotFound)?;
    Ok((product, variant))
}

/// Tells of changed levels.
async fn emit_levels(conn: &mut PgConnection, changes: &[LevelChange]) -> Result<(), sqlx::Error> {
    let variants: Vec<Uuid> = changes.iter().map(|change| change.level.variant_id).collect();
    let available = store::levels::available(conn, &variants).await?;
    let events = changes.iter().map(|LevelChange { level, product_id }| NewEvent {
        aggregate: inventory::AGGREGATE,
        aggregate_id: level.id,
        version: level.version,
        kind: InventoryChanged::KIND,
        data: data(&InventoryChanged {
            product_id: *product_id,
            variant_id: level.variant_id,
            location_id: level.location_id,
            on_hand: level.on_hand,
            reserved: level.reserved,
            available: available.get(&level.variant_id).copied(),
        }),
    });
    messaging::emit_many(conn, events.collect()).await
}

impl Products {
    /// Writes a locked product with its next version and new listing figures, and tells of it.
    async fn write_product(
        &self,
        conn: &mut PgConnection,
        mut product: Product,
        previous_slug: Option<String>,
        price: Option<VariantPrice>,
    ) -> Result<(), Error> {
        product.version += 1;
        product.updated_at = self.clock.now();
        store::products::update(conn, &product).await?;
        self.refresh_figures(conn, product.id).await?;
        let event = NewEvent {
            aggregate: product::AGGREGATE,
            aggregate_id: product.id,
            version: product.version,
            kind: ProductUpdated::KIND,
            data: data(&ProductUpdated { slug: product.slug, previous_slug, price }),
        };
        messaging::emit(conn, &event).await?;
        Ok(())
    }

    async fn refresh_figures(&self, conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
        // An exponent is 0 to 4.
        let decimals = i32::try_from(self.currency.exponent()).unwrap_or(2);
        store::products::refresh_figures(conn, id, self.currency.as_str(), decimals).await
    }

    /// A product has changed in every way.
    async fn product_changed(&self, id: Uuid) {
        self.changed(product_tags(id)).await;
    }

    /// Stock has changed.
    async fn stock_changed(&self, changes: &[LevelChange]) {
        let tags = |change: &LevelChange| stock_tags(change.product_id, change.level.on_hand - change.level.reserved);
        self.changed(changes.iter().flat_map(tags)).await;
    }

    /// Marks what was changed. Call it after the commit, before the answer: when it returns, no instance that is reached
    /// gives an answer from before. Nothing is left unmarked if it is dropped half way.
    async fn changed(&self, tags: impl IntoIterator<Item = Tag>) {
        let mut marks: Vec<u32> = tags.into_iter().map(Tag::mark).collect();
        marks.sort_unstable();
        marks.dedup();
        if marks.is_empty() {
            return;
        }
        // Noted before it is marked: who takes a stamp after this can't find in Redis what was there before.
        let telling = self.shared.as_ref().map(|shared| (shared.level(), shared.level().note(&marks)));
        self.changes.mark(&marks);
        if let Some((level, change)) = telling {
            level.tell(change).await;
        }
    }
}

/// What a change of a product touches.
pub(crate) fn product_tags(id: Uuid) -> [Tag; 3] {
    [Tag::Product(id), Tag::Stock(id), Tag::Listing]
}

/// What a change of a product's stock touches. A list of what can be sold, or is sold out, loses a product that it shows
/// and which therefore is among its sources; it gains one only when a level comes above zero, or to it.
pub(crate) fn stock_tags(product_id: Uuid, available: i64) -> [Tag; 2] {
    [Tag::Stock(product_id), if available > 0 { Tag::Sellable } else { Tag::SoldOut }]
}
