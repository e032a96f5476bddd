//! A product: what the shop lists.

use chrono::{DateTime, Utc};
use kernel::text::{Checks, clean};
use kernel::{Currency, Money};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Most characters of a description.
pub const MAX_DESCRIPTION: usize = 20_000;
/// Most tags of a product.
pub const MAX_TAGS: usize = 50;
/// Most options of a product, such as size and colour.
pub const MAX_OPTIONS: usize = 5;
/// Most pictures of a product.
pub const MAX_IMAGES: usize = 50;
/// Most live variants of a product.
pub const MAX_VARIANTS: usize = 250;
/// Decimals of the listing's price.
const LISTING_SCALE: u32 = 2;

/// A product as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Its id.
    pub id: Uuid,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Lowest price of a live variant in the shop's currency; none when it is not sold in it.
    pub price: Option<Decimal>,
    /// Its category.
    pub category_id: Option<Uuid>,
    /// Units that can be sold, over all live variants and locations.
    pub inventory_count: i64,
    /// Whether customers see it.
    pub is_active: bool,
    /// Words to group by.
    pub tags: Vec<String>,
    /// What its variants differ in.
    pub options: Vec<String>,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: Uuid,
    /// The product shown.
    pub product_id: Uuid,
    /// Where it is.
    pub url: String,
    /// What it shows, for who can't see it.
    pub alt: String,
}

/// Checks a list of short texts, such as tags: each 1 to 100 characters, no doubles.
pub fn words(checks: &mut Checks, field: &str, texts: &[String], most: usize) -> Vec<String> {
    checks.require(texts.len() <= most, field, "TOO_MANY", format!("{field} takes at most {most}"));
    let mut words: Vec<String> = Vec::new();
    for (index, text) in texts.iter().enumerate().take(most) {
        let path = format!("{field}[{index}]");
        if let Some(word) = checks.take(clean(&path, text, 1, 100)) {
            checks.require(!words.contains(&word), &path, "DUPLICATE", format!("{word} is there already"));
            words.push(word);
        }
    }
    words
}

/// Checks the address of a picture: absolute http(s), or a path on this shop.
pub fn image_url(checks: &mut Checks, field: &str, text: &str) -> String {
    let url = checks.take(clean(field, text, 1, 2000)).unwrap_or_default();
    let known = ["https://", "http://", "/"].iter().any(|start| url.starts_with(start));
    checks.require(
        known && !url.contains(char::is_whitespace),
        field,
        "INVALID_URL",
        "a picture has an http(s) address",
    );
    url
}

/// The listing's figure of an amount: decimal with two places. A currency with three (KWD) is rounded down, so that two
/// prices less than 0.01 apart are listed as equal; bounds of a price range are rounded the same way, so that nothing in
/// range is missed. None when the figure has more than eight digits before the point.
pub fn listing_price(money: Money) -> Option<Decimal> {
    let exponent = money.currency.exponent();
    let exact = Decimal::try_from_i128_with_scale(money.amount.into(), exponent).ok()?;
    let figure = exact.trunc_with_scale(LISTING_SCALE);
    (figure <= max_listing_price()).then_some(figure)
}

/// The largest figure that DECIMAL(10,2) holds.
pub fn max_listing_price() -> Decimal {
    Decimal::new(9_999_999_999, LISTING_SCALE)
}

/// The amount behind a listing's figure, where the figure is exact; none in a currency with three decimals.
pub fn exact_price(figure: Decimal, currency: Currency) -> Option<Money> {
    let exponent = currency.exponent();
    if exponent > LISTING_SCALE {
        return None;
    }
    let scale = Decimal::from(10_i64.pow(exponent));
    i64::try_from(figure * scale).ok().map(|amount| Money::new(amount, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(amount: i64, currency: &str) -> Option<String> {
        listing_price(Money::new(amount, currency.parse().unwrap())).map(|figure| figure.to_string())
    }

    #[test]
    fn the_listing_price_follows_the_currency() {
        assert_eq!(figure(1250, "EUR").as_deref(), Some("12.50"));
        assert_eq!(figure(1200, "JPY").as_deref(), Some("1200.00"));
        assert_eq!(figure(1239, "KWD").as_deref(), Some("1.23"));
        assert_eq!(figure(9_999_999_999, "EUR").as_deref(), Some("99999999.99"));
        assert_eq!(figure(10_000_000_000, "EUR"), None);
    }

    #[test]
    fn the_exact_price_comes_back_where_two_decimals_hold_it() {
        for (amount, code) in [(1250, "EUR"), (0, "EUR"), (1200, "JPY")] {
            let money = Money::new(amount, code.parse().unwrap());
            assert_eq!(listing_price(money).and_then(|figure| exact_price(figure, money.currency)), Some(money));
        }
        assert_eq!(exact_price(Decimal::new(123, 2), "KWD".parse().unwrap()), None);
    }
}
