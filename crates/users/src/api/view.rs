//! What answers show.

use chrono::{DateTime, Utc};
use kernel::Country;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields;
use crate::domain::address::Address;
use crate::domain::user::User;

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The id.
    pub id: Uuid,
    /// Where mail goes, and the name to sign in with.
    #[schema(schema_with = fields::email)]
    pub email: String,
    /// First name.
    #[schema(schema_with = fields::name)]
    pub first_name: String,
    /// Last name.
    #[schema(schema_with = fields::name)]
    pub last_name: String,
    /// Telephone number.
    #[schema(schema_with = fields::phone_or_null, required)]
    pub phone: Option<String>,
    /// What it may do.
    #[schema(schema_with = fields::role)]
    pub role: &'static str,
    /// Whether it may sign in.
    #[schema(schema_with = fields::status)]
    pub status: &'static str,
    /// Grows by one with each change; the `ETag`.
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            role: user.role.as_str(),
            status: user.status.as_str(),
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// An address in an account's book.
#[derive(Serialize, ToSchema)]
#[schema(as = Address)]
pub struct AddressView {
    /// The id.
    pub id: Uuid,
    /// First name.
    #[schema(schema_with = fields::name)]
    pub first_name: String,
    /// Last name.
    #[schema(schema_with = fields::name)]
    pub last_name: String,
    /// Company.
    #[schema(schema_with = fields::line_or_null, required)]
    pub company: Option<String>,
    /// Street and number.
    #[schema(schema_with = fields::line)]
    pub line1: String,
    /// More of the street line.
    #[schema(schema_with = fields::line_or_null, required)]
    pub line2: Option<String>,
    /// City.
    #[schema(schema_with = fields::line)]
    pub city: String,
    /// State, province, county.
    #[schema(schema_with = fields::region_or_null, required)]
    pub region: Option<String>,
    /// Postal code.
    #[schema(schema_with = fields::postal_code_or_null, required)]
    pub postal_code: Option<String>,
    /// Country, by its ISO 3166-1 alpha-2 code.
    #[schema(schema_with = fields::country)]
    pub country: Country,
    /// Telephone number.
    #[schema(schema_with = fields::phone_or_null, required)]
    pub phone: Option<String>,
    /// The one that a checkout proposes for shipping.
    pub is_default_shipping: bool,
    /// The one that a checkout proposes for billing.
    pub is_default_billing: bool,
    /// Grows by one with each change; the `ETag`.
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Address> for AddressView {
    fn from(address: Address) -> Self {
        let content = address.content;
        Self {
            id: address.id,
            first_name: content.first_name,
            last_name: content.last_name,
            company: content.company,
            line1: content.line1,
            line2: content.line2,
            city: content.city,
            region: content.region,
            postal_code: content.postal_code,
            country: content.country,
            phone: content.phone,
            is_default_shipping: address.is_default_shipping,
            is_default_billing: address.is_default_billing,
            version: address.version,
            created_at: address.created_at,
            updated_at: address.updated_at,
        }
    }
}
