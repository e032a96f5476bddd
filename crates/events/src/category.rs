//! Events of a category.

use serde::{Deserialize, Serialize};

/// The sort of object.
pub const AGGREGATE: &str = "category";

/// A category was made, changed, moved or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryChanged {
    /// Its name in addresses.
    pub slug: String,
}

impl CategoryChanged {
    /// The name in the log.
    pub const KIND: &'static str = "category.changed";
}
