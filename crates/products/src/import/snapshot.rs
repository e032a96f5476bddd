//! What the catalog holds of the products and variants that a batch speaks of.

use std::collections::{BTreeMap, HashMap};

use kernel::Currency;
use uuid::Uuid;

use crate::domain::{Level, Product};

/// The part of the catalog that a batch can change.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Products by slug.
    pub products: HashMap<String, KnownProduct>,
    /// Variants by SKU, of any product.
    pub variants: HashMap<String, KnownVariant>,
    /// The location whose stock an import sets.
    pub location_id: Uuid,
}

/// A live product.
#[derive(Clone, Debug)]
pub struct KnownProduct {
    /// Its columns.
    pub product: Product,
    /// Addresses and descriptions of its pictures, in order.
    pub images: Vec<(String, String)>,
    /// How many live variants it has.
    pub variants: usize,
    /// The place of its last variant.
    pub last_position: i64,
}

/// A live variant.
#[derive(Clone, Debug)]
pub struct KnownVariant {
    /// Its id.
    pub id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// Its name.
    pub name: String,
    /// What it chooses.
    pub options: BTreeMap<String, String>,
    /// Weight in grams.
    pub weight_grams: i64,
    /// Grows by one with each change.
    pub version: i64,
    /// Amount and amount before, by currency.
    pub prices: BTreeMap<Currency, (i64, Option<i64>)>,
    /// Its stock at the location, if there was ever any.
    pub level: Option<Level>,
}
