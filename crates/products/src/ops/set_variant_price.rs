//! Sets or ends a variant's price in one currency.

use events::product::VariantPrice;
use kernel::text::Checks;
use kernel::{Context, Currency, Money};
use messaging::Once;
use serde::Serialize;
use uuid::Uuid;

use super::create_variant::NewPrice;
use super::{lock_variant, require_write};
use crate::domain::Price;
use crate::domain::variant::MAX_PRICES;
use crate::{Error, Products, store};

/// A price to set.
#[derive(Clone, Debug, Serialize)]
pub struct SetVariantPrice {
    /// The variant.
    pub variant_id: Uuid,
    /// ISO 4217 code.
    pub currency: String,
    /// What a unit costs, in minor units; none: it is not sold in this currency any more.
    pub amount: Option<i64>,
    /// What it cost before, in minor units.
    pub compare_at: Option<i64>,
}

impl SetVariantPrice {
    fn checked(&self, shop: Currency) -> Result<Option<Currency>, Error> {
        let SetVariantPrice { currency, amount, compare_at, .. } = self;
        let mut checks = Checks::new();
        let price = NewPrice { currency: currency.clone(), amount: amount.unwrap_or(0), compare_at: *compare_at };
        let currency = price.check(&mut checks, "", shop);
        checks.finish()?;
        Ok(currency)
    }
}

impl Products {
    /// Sets a price and gives the variant's id and its product's.
    pub async fn set_variant_price(&self, context: &Context, command: SetVariantPrice) -> Result<(Uuid, Uuid), Error> {
        require_write(context)?;
        // Checked: there is one.
        let Some(currency) = command.checked(self.currency)? else { return Err(Error::VariantNotFound) };
        let mut first = match self.idempotency.begin(context, "set_variant_price", &command).await? {
            Once::Replay(ids) => return Ok(ids),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let (product, variant) = lock_variant(conn, command.variant_id).await?;
        let ids = (variant.id, product.id);
        let set = match command.amount {
            None => {
                store::prices::remove(conn, variant.id, currency).await?;
                None
            }
            Some(amount) => {
                let prices = store::prices::of_variants(conn, &[variant.id]).await?;
                let fits = prices.len() < MAX_PRICES || prices.iter().any(|price| price.money.currency == currency);
                let mut checks = Checks::new();
                checks.require(fits, "currency", "TOO_MANY", format!("at most {MAX_PRICES} prices"));
                checks.finish()?;
                let money = Money::new(amount, currency);
                let price = Price { variant_id: variant.id, money, compare_at: command.compare_at };
                store::prices::set(conn, &price).await?;
                Some(VariantPrice { variant_id: variant.id, price: money })
            }
        };
        self.write_product(conn, product, None, set).await?;
        first.finish(&ids).await?;
        self.product_changed(ids.1).await;
        Ok(ids)
    }
}
