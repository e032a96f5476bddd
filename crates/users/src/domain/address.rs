//! The address book.

use std::fmt;

use chrono::{DateTime, Utc};
use kernel::Country;
use uuid::Uuid;

use super::user::replace;

/// Addresses that a user may keep.
pub const MAX_ADDRESSES: i64 = 50;
/// Longest company, line and city.
pub const MAX_LINE: usize = 200;
/// Longest region.
pub const MAX_REGION: usize = 100;
/// Longest postal code.
pub const MAX_POSTAL_CODE: usize = 20;

/// Who lives where. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostalAddress {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Company.
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// More of the street line.
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State, province, county.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country.
    pub country: Country,
    /// Telephone number.
    pub phone: Option<String>,
}

impl fmt::Debug for PostalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostalAddress([redacted])")
    }
}

/// An address in a user's book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The id.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// Who lives where.
    pub content: PostalAddress,
    /// The one that a checkout proposes for shipping.
    pub is_default_shipping: bool,
    /// The one that a checkout proposes for billing.
    pub is_default_billing: bool,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// New values for some fields of an address. `Some(None)` takes an optional field away.
#[derive(Clone, Default)]
pub struct AddressChange {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Company.
    pub company: Option<Option<String>>,
    /// Street and number.
    pub line1: Option<String>,
    /// More of the street line.
    pub line2: Option<Option<String>>,
    /// City.
    pub city: Option<String>,
    /// State, province, county.
    pub region: Option<Option<String>>,
    /// Postal code.
    pub postal_code: Option<Option<String>>,
    /// Country.
    pub country: Option<Country>,
    /// Telephone number.
    pub phone: Option<Option<String>>,
    /// Proposed for shipping.
    pub is_default_shipping: Option<bool>,
    /// Proposed for billing.
    pub is_default_billing: Option<bool>,
}

impl Address {
    /// Takes the new values; tells whether that changed anything.
    pub fn apply(&mut self, change: AddressChange) -> bool {
        let content = &mut self.content;
        [
            replace(&mut content.first_name, change.first_name),
            replace(&mut content.last_name, change.last_name),
            replace(&mut content.company, change.company),
            replace(&mut content.line1, change.line1),
            replace(&mut content.line2, change.line2),
            replace(&mut content.city, change.city),
            replace(&mut content.region, change.region),
            replace(&mut content.postal_code, change.postal_code),
            replace(&mut content.country, change.country),
            replace(&mut content.phone, change.phone),
            replace(&mut self.is_default_shipping, change.is_default_shipping),
            replace(&mut self.is_default_billing, change.is_default_billing),
        ]
        .contains(&true)
    }
}
