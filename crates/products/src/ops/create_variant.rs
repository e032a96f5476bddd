//! Adds a variant to a product.

use std::collections::BTreeMap;

use kernel::text::{Checks, clean};
use kernel::{Context, Currency, Money};
use messaging::Once;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{emit_levels, require_write};
use crate::domain::product::{MAX_VARIANTS, listing_price};
use crate::domain::stock::MAX_ON_HAND;
use crate::domain::variant::{self as rules, MAX_PRICES};
use crate::domain::{LevelChange, MAX_NAME, MovementKind, Price, Variant};
use crate::{Error, Products, store};

/// A variant to add.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewVariant {
    /// Stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The product's options as this variant chooses them.
    pub options: BTreeMap<String, String>,
    /// Weight in grams.
    pub weight_grams: i64,
    /// What it costs, once a currency.
    pub prices: Vec<NewPrice>,
    /// Units at the default location.
    pub on_hand: i64,
}

/// A price to set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewPrice {
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units.
    pub amount: i64,
    /// What it cost before, in minor units.
    pub compare_at: Option<i64>,
}

/// A variant to add to a product that is there.
#[derive(Clone, Debug, Serialize)]
pub struct CreateVariant {
    /// The product.
    pub product_id: Uuid,
    /// The variant.
    pub variant: NewVariant,
}

impl NewPrice {
    /// Checks the price of a variant; one in the shop's currency must fit the listing.
    pub(super) fn check(&self, checks: &mut Checks, field: &str, shop: Currency) -> Option<Currency> {
        rules::amount(checks, &format!("{field}amount"), self.amount);
        if let Some(compare_at) = self.compare_at {
            rules::amount(checks, &format!("{field}compareAt"), compare_at);
        }
        let currency: Option<Currency> = self.currency.parse().ok();
        let message = "currency takes an ISO 4217 code, such as EUR";
        checks.require(currency.is_some(), &format!("{field}currency"), "UNKNOWN_CURRENCY", message);
        let fits = currency != Some(shop) || listing_price(Money::new(self.amount, shop)).is_some();
        checks.require(fits, &format!("{field}amount"), "OUT_OF_RANGE", "the price is too large to be listed");
        currency
    }
}

impl NewVariant {
    /// Checks a variant of a product with `options`. `field` goes before the names of fields in errors.
    pub(super) fn checked(&self, checks: &mut Checks, field: &str, options: &[String], shop: Currency) -> Self {
        rules::choices(checks, &format!("{field}options"), &self.options, options);
        let grams = (0..=i64::from(i32::MAX)).contains(&self.weight_grams);
        checks.require(grams, &format!("{field}weightGrams"), "OUT_OF_RANGE", "weightGrams takes 0 to 2147483647");
        let on_hand = (0..=MAX_ON_HAND).contains(&self.on_hand);
        checks.require(on_hand, &format!("{field}onHand"), "OUT_OF_RANGE", format!("onHand takes 0 to {MAX_ON_HAND}"));
        let prices = format!("{field}prices");
        checks.require(self.prices.len() <= MAX_PRICES, &prices, "TOO_MANY", format!("at most {MAX_PRICES} prices"));
        let mut currencies = Vec::new();
        for (index, price) in self.prices.iter().take(MAX_PRICES).enumerate() {
            let field = format!("{prices}[{index}].");
            let currency = price.check(checks, &field, shop);
            checks.require(
                !currencies.contains(&currency),
                &format!("{field}currency"),
                "DUPLICATE",
                "one price a currency",
            );
            currencies.push(currency);
        }
        Self {
            sku: checks.take(rules::sku(&format!("{field}sku"), &self.sku)).unwrap_or_default(),
            name: checks.take(clean(&format!("{field}name"), &self.name, 1, MAX_NAME)).unwrap_or_default(),
            ..self.clone()
        }
    }
}

impl Products {
    /// Adds a variant and gives its id and its product's.
    pub async fn create_variant(&self, context: &Context, command: CreateVariant) -> Result<(Uuid, Uuid), Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "create_variant", &command).await? {
            Once::Replay(ids) => return Ok(ids),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let product = store::products::lock(conn, command.product_id).await?.ok_or(Error::ProductNotFound)?;
        let siblings = store::variants::of_products(conn, &[product.id]).await?;
        let mut checks = Checks::new();
        let full = format!("a product has at most {MAX_VARIANTS} variants");
        checks.require(siblings.len() < MAX_VARIANTS, "productId", "TOO_MANY", full);
        let variant = command.variant.checked(&mut checks, "", &product.options, self.currency);
        checks.finish()?;
        let (id, level) = self.insert_variant(conn, product.id, &variant).await?;
        let product_id = product.id;
        self.write_product(conn, product, None, None).await?;
        emit_levels(conn, level.as_slice()).await?;
        first.finish(&(id, product_id)).await?;
        self.product_changed(product_id).await;
        Ok((id, product_id))
    }

    /// Inserts a checked variant with its prices and, if there are units, its stock at the default location.
    pub(super) async fn insert_variant(
        &self,
        conn: &mut PgConnection,
        product_id: Uuid,
        new: &NewVariant,
    ) -> Result<(Uuid, Option<LevelChange>), Error> {
        let variant = Variant {
            id: kernel::id::new_id(),
            product_id,
            sku: new.sku.clone(),
            name: new.name.clone(),
            options: new.options.clone(),
            weight_grams: new.weight_grams,
            version: 1,
            available: 0,
        };
        store::variants::insert(conn, &variant, self.clock.now()).await?;
        for price in &new.prices {
            // Checked before: the currency is one.
            let Ok(currency) = price.currency.parse() else { continue };
            let money = Money::new(price.amount, currency);
            store::prices::set(conn, &Price { variant_id: variant.id, money, compare_at: price.compare_at }).await?;
        }
        if new.on_hand == 0 {
            return Ok((variant.id, None));
        }
        let location = store::levels::locations(conn).await?.into_iter().next().ok_or(Error::LocationNotFound)?;
        let level = store::levels::set(conn, variant.id, location.id, new.on_hand, MovementKind::Set).await?;
        Ok((variant.id, Some(level)))
    }
}
