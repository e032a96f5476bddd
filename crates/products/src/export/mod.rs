//! Writing catalogs: products as text that [`import`](crate::import) reads back without loss. Pure.
//!
//! | module | holds |
//! |---|---|
//! | [`jsonl`] | one product a line |
//! | [`csv`] | one variant a row |

pub mod csv;
pub mod jsonl;

use std::collections::BTreeMap;

use serde::Serialize;

/// A product as it is written, in the order of `catalog/README.md`.
#[derive(Debug, Serialize)]
pub struct Product {
    /// Its name in addresses.
    pub handle: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The path from the top-level category down; empty: none.
    pub category: Vec<String>,
    /// Whether customers see it.
    pub active: bool,
    /// Words to group by.
    pub tags: Vec<String>,
    /// What its variants differ in.
    pub options: Vec<String>,
    /// Its pictures, in order.
    pub images: Vec<Image>,
    /// Its variants, in order.
    pub variants: Vec<Variant>,
}

/// A picture as it is written.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Image {
    /// Its address alone.
    Url(String),
    /// Its address with what it shows.
    Described {
        /// Where it is.
        url: String,
        /// What it shows.
        alt: String,
    },
}

/// A variant as it is written.
#[derive(Debug, Serialize)]
pub struct Variant {
    /// Stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// What it chooses.
    pub options: BTreeMap<String, String>,
    /// What it costs, by currency.
    pub prices: Vec<Price>,
    /// Units at the default location.
    pub inventory: i64,
    /// Weight in grams.
    pub weight_grams: i64,
}

/// A price as it is written.
#[derive(Debug, Serialize)]
pub struct Price {
    /// ISO 4217 code.
    pub currency: String,
    /// Decimal.
    pub amount: String,
    /// Decimal; what it cost before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<String>,
}
