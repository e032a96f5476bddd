//! A variant: what a customer buys.

use std::collections::BTreeMap;

use kernel::text::{Checks, clean};
use kernel::{FieldError, Money};
use uuid::Uuid;

/// Most prices of a variant, one a currency.
pub const MAX_PRICES: usize = 50;

/// A variant of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its id.
    pub id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// Stock keeping unit.
    pub sku: String,
    /// Its name, such as `Large / Blue`.
    pub name: String,
    /// The product's options as this variant chooses them.
    pub options: BTreeMap<String, String>,
    /// Weight in grams.
    pub weight_grams: i64,
    /// Grows by one with each change.
    pub version: i64,
    /// Units that can be sold.
    pub available: i64,
}

/// What a variant costs in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The variant.
    pub variant_id: Uuid,
    /// What a unit costs.
    pub money: Money,
    /// What it cost before, crossed out in the shop.
    pub compare_at: Option<i64>,
}

/// Checks a stock keeping unit.
pub fn sku(field: &str, text: &str) -> Result<String, FieldError> {
    clean(field, text, 1, 100)
}

/// Checks a variant's choices against the options that its product has.
pub fn choices(checks: &mut Checks, field: &str, given: &BTreeMap<String, String>, of_product: &[String]) {
    for (name, value) in given {
        let path = format!("{field}.{name}");
        checks.require(of_product.contains(name), &path, "UNKNOWN_OPTION", format!("the product has no option {name}"));
        checks.take(clean(&path, value, 1, 100));
    }
}

/// Checks an amount: not negative, not absurd.
pub fn amount(checks: &mut Checks, field: &str, amount: i64) {
    let fits = (0..=kernel::money::MAX_AMOUNT).contains(&amount);
    checks.require(fits, field, "OUT_OF_RANGE", format!("{field} takes 0 to {}", kernel::money::MAX_AMOUNT));
}
