//! Events of a product with its variants and prices.

use kernel::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The sort of object.
pub const AGGREGATE: &str = "product";

/// A product was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// Its name in addresses.
    pub slug: String,
}

impl ProductCreated {
    /// The name in the log.
    pub const KIND: &'static str = "product.created";
}

/// A product, one of its variants or a price changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductUpdated {
    /// Its name in addresses.
    pub slug: String,
    /// Its name in addresses until now, if that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_slug: Option<String>,
    /// The price that was set, if the change was that. After an import, read the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<VariantPrice>,
}

/// What a variant costs from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantPrice {
    /// The variant.
    pub variant_id: Uuid,
    /// What one costs.
    pub price: Money,
}

impl ProductUpdated {
    /// The name in the log.
    pub const KIND: &'static str = "product.updated";
}

/// A product is no longer sold or shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDeleted {
    /// Its name in addresses.
    pub slug: String,
}

impl ProductDeleted {
    /// The name in the log.
    pub const KIND: &'static str = "product.deleted";
}
