//! Tells what variants cost and how many there are.

use contracts::products::VariantQuote;
use kernel::{Currency, Money};
use uuid::Uuid;

use crate::{Error, Products, store};

impl Products {
    /// Quotes the variants that are for sale. From the primary: an order is made of it.
    pub(crate) async fn quote_variants(
        &self,
        currency: Currency,
        variants: &[Uuid],
    ) -> Result<Vec<VariantQuote>, Error> {
        let mut conn = self.db.primary().acquire().await?;
        let offers = store::variants::offers(&mut conn, variants, currency).await?;
        let quotes = offers.into_iter().map(|offer| VariantQuote {
            variant_id: offer.variant_id,
            product_id: offer.product_id,
            sku: offer.sku,
            product_handle: offer.product_slug,
            product_name: offer.product_name,
            variant_name: offer.variant_name,
            unit_price: offer.amount.map(|amount| Money::new(amount, currency)),
            available: offer.available,
            // The table's check keeps it within.
            weight_grams: i32::try_from(offer.weight_grams).unwrap_or(i32::MAX),
        });
        Ok(quotes.collect())
    }
}
