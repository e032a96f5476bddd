//! Products, variants, pictures, stock.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use kernel::{ErrorKind, Failure, Scope};
use uuid::Uuid;

use super::Ask;
use super::batch::Batch;
use super::category::Category;
use super::errors::error;
use super::money::{Int64, Money, Price};
use crate::cache::Tag;
use crate::domain;
use crate::domain::product::exact_price;

/// A product, on its page.
#[derive(Clone)]
pub(super) struct Product {
    product: domain::Product,
    batch: Arc<Batch>,
}

impl Product {
    /// One product of `batch`; the answer depends on it.
    pub(super) fn new(ask: &Ask, batch: &Arc<Batch>, product: domain::Product) -> Self {
        ask.note([Tag::Product(product.id)]);
        Self { product, batch: Arc::clone(batch) }
    }

    /// A product by itself.
    pub(super) fn single(ask: &Ask, product: domain::Product) -> Self {
        let batch = Batch::of(ask, [&product]);
        Self::new(ask, &batch, product)
    }

    /// One of its variants.
    pub(super) async fn variant(&self, id: Uuid) -> Result<Option<Variant>> {
        let variants = self.batch.variants(self.product.id).await?;
        Ok(variants.iter().find(|variant| variant.id == id).map(|variant| self.of_batch(variant)))
    }

    fn of_batch(&self, variant: &domain::Variant) -> Variant {
        Variant { variant: variant.clone(), batch: Arc::clone(&self.batch) }
    }
}

/// A product that the shop lists.
#[Object]
impl Product {
    /// Its id.
    async fn id(&self) -> Uuid {
        self.product.id
    }

    /// Its name in addresses.
    async fn slug(&self) -> &str {
        &self.product.slug
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.product.name
    }

    /// What it is.
    async fn description(&self) -> &str {
        &self.product.description
    }

    /// Its lowest price in the shop's currency; null when it is not sold in it.
    async fn price(&self, ctx: &Context<'_>) -> Result<Option<Money>> {
        let currency = Ask::of(ctx).products.currency;
        let Some(figure) = self.product.price else { return Ok(None) };
        if let Some(exact) = exact_price(figure, currency) {
            return Ok(Some(exact.into()));
        }
        // The listing's figure is rounded in this currency: ask the variants.
        let mut lowest = None;
        for variant in self.batch.variants(self.product.id).await? {
            let prices = self.batch.prices(variant.id).await?.iter().map(|price| price.money);
            lowest = prices.filter(|money| money.currency == currency).chain(lowest).min_by_key(|money| money.amount);
        }
        Ok(lowest.map(Money::from))
    }

    /// Its category.
    async fn category(&self, ctx: &Context<'_>) -> Result<Option<Category>> {
        let Some(id) = self.product.category_id else { return Ok(None) };
        let ask = Ask::of(ctx);
        ask.note([Tag::Categories]);
        Ok(Category::find(&ask.products.category_tree().await.map_err(error)?, id))
    }

    /// Words to group by.
    async fn tags(&self) -> &[String] {
        &self.product.tags
    }

    /// What its variants differ in.
    async fn options(&self) -> &[String] {
        &self.product.options
    }

    /// Pictures, in order.
    #[graphql(complexity = "3 * child_complexity")]
    async fn images(&self) -> Result<Vec<Image>> {
        let images = self.batch.images(self.product.id).await?;
        Ok(images.iter().map(|image| Image { id: image.id, url: image.url.clone(), alt: image.alt.clone() }).collect())
    }

    /// What a customer can choose from, in order.
    #[graphql(complexity = "5 * child_complexity")]
    async fn variants(&self) -> Result<Vec<Variant>> {
        let variants = self.batch.variants(self.product.id).await?;
        Ok(variants.iter().map(|variant| self.of_batch(variant)).collect())
    }

    /// Units that can be sold, of all variants.
    async fn inventory_count(&self, ctx: &Context<'_>) -> Int64 {
        Ask::of(ctx).note([Tag::Stock(self.product.id)]);
        Int64(self.product.inventory_count)
    }

    /// Whether any of it can be sold.
    async fn in_stock(&self, ctx: &Context<'_>) -> bool {
        Ask::of(ctx).note([Tag::Stock(self.product.id)]);
        self.product.inventory_count > 0
    }

    /// Whether customers see it.
    async fn is_active(&self) -> bool {
        self.product.is_active
    }

    /// Grows by one with each change of the product, its variants and prices.
    async fn version(&self) -> Int64 {
        Int64(self.product.version)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.product.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.product.updated_at
    }
}

/// A picture of a product.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct Image {
    /// Its id.
    id: Uuid,
    /// Where it is.
    url: String,
    /// What it shows, for who can't see it.
    alt: String,
}

/// A choice of a product's option.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct VariantOption {
    /// The option, such as `Size`.
    name: String,
    /// The choice, such as `Large`.
    value: String,
}

/// A variant, on its product's page.
#[derive(Clone)]
pub(super) struct Variant {
    variant: domain::Variant,
    batch: Arc<Batch>,
}

/// What a customer buys: one choice of a product's options.
#[Object]
impl Variant {
    /// Its id.
    async fn id(&self) -> Uuid {
        self.variant.id
    }

    /// Stock keeping unit.
    async fn sku(&self) -> &str {
        &self.variant.sku
    }

    /// Its name, such as `Large / Blue`.
    async fn name(&self) -> &str {
        &self.variant.name
    }

    /// The product's options as this variant chooses them.
    async fn options(&self) -> Vec<VariantOption> {
        let options = self.variant.options.iter();
        options.map(|(name, value)| VariantOption { name: name.clone(), value: value.clone() }).collect()
    }

    /// Weight in grams.
    async fn weight_grams(&self) -> Int64 {
        Int64(self.variant.weight_grams)
    }

    /// Grows by one with each change.
    async fn version(&self) -> Int64 {
        Int64(self.variant.version)
    }

    /// What it costs in a currency, by default the shop's; null when it is not sold in it.
    async fn price(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ISO 4217 code")] currency: Option<String>,
    ) -> Result<Option<Price>> {
        let wanted = currency.unwrap_or_else(|| Ask::of(ctx).products.currency.to_string());
        let prices = self.batch.prices(self.variant.id).await?;
        Ok(prices.iter().find(|price| price.money.currency.as_str() == wanted).map(Price::from))
    }

    /// What it costs in each currency that it is sold in.
    #[graphql(complexity = "3 * child_complexity")]
    async fn prices(&self) -> Result<Vec<Price>> {
        Ok(self.batch.prices(self.variant.id).await?.iter().map(Price::from).collect())
    }

    /// Units that can be sold.
    async fn inventory_count(&self, ctx: &Context<'_>) -> Int64 {
        Ask::of(ctx).note([Tag::Stock(self.variant.product_id)]);
        Int64(self.variant.available)
    }

    /// Its stock by location. Takes the scope `products:read`.
    #[graphql(complexity = "3 * child_complexity")]
    async fn inventory_levels(&self, ctx: &Context<'_>) -> Result<Vec<InventoryLevel>> {
        let ask = Ask::of(ctx);
        if !ask.context.has_scope(Scope::ReadProducts) {
            let message = "Stock by location takes the scope products:read";
            return Err(error(Failure::new(ErrorKind::Forbidden, "SCOPE_MISSING", message)));
        }
        let levels = self.batch.levels(self.variant.id).await?;
        Ok(levels.iter().map(|level| InventoryLevel { level: level.clone(), batch: Arc::clone(&self.batch) }).collect())
    }
}

/// How much of a variant lies at a location.
#[derive(Clone)]
pub(super) struct InventoryLevel {
    level: domain::Level,
    batch: Arc<Batch>,
}

/// How much of a variant lies at a location.
#[Object]
impl InventoryLevel {
    /// Where.
    async fn location(&self) -> Result<Option<StockLocation>> {
        let location = self.batch.location(self.level.location_id).await?;
        Ok(location.map(|it| StockLocation { id: it.id, name: it.name.clone(), is_default: it.is_default }))
    }

    /// Units there.
    async fn on_hand(&self) -> Int64 {
        Int64(self.level.on_hand)
    }

    /// Units of those that are promised to orders.
    async fn reserved(&self) -> Int64 {
        Int64(self.level.reserved)
    }

    /// Grows by one with each change.
    async fn version(&self) -> Int64 {
        Int64(self.level.version)
    }
}

/// Where stock lies.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct StockLocation {
    /// Its id.
    id: Uuid,
    /// Its name.
    name: String,
    /// Whether orders are served from it first.
    is_default: bool,
}
