//! Events of stock.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The sort of object: one variant's stock at one location.
pub const AGGREGATE: &str = "inventory";

/// What can be sold of a variant changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryChanged {
    /// The product.
    pub product_id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// Where.
    pub location_id: Uuid,
    /// Units there.
    pub on_hand: i64,
    /// Units of those that are promised to orders.
    pub reserved: i64,
    /// What can be sold of the variant, over all locations. Events from before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
}

impl InventoryChanged {
    /// The name in the log.
    pub const KIND: &'static str = "inventory.changed";
}
