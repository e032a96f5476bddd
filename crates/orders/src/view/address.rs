//! A postal address in requests and answers.

use kernel::Country;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields;
use crate::domain::contact::Address;

/// A postal address.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CartAddress)]
#[serde(deny_unknown_fields)]
pub struct AddressView {
    /// First name.
    #[schema(schema_with = fields::name)]
    pub first_name: String,
    /// Last name.
    #[schema(schema_with = fields::name)]
    pub last_name: String,
    /// Company.
    #[schema(schema_with = fields::line_or_null)]
    pub company: Option<String>,
    /// Street and number.
    #[schema(schema_with = fields::line)]
    pub line1: String,
    /// More of the street line.
    #[schema(schema_with = fields::line_or_null)]
    pub line2: Option<String>,
    /// City.
    #[schema(schema_with = fields::line)]
    pub city: String,
    /// State, province, county.
    #[schema(schema_with = fields::name_or_null)]
    pub region: Option<String>,
    /// Postal code.
    #[schema(schema_with = fields::postal_code_or_null)]
    pub postal_code: Option<String>,
    /// Country, by its ISO 3166-1 alpha-2 code.
    #[schema(schema_with = fields::country)]
    pub country: Country,
    /// Telephone number.
    #[schema(schema_with = fields::phone_or_null)]
    pub phone: Option<String>,
}

impl From<AddressView> for Address {
    fn from(view: AddressView) -> Self {
        let AddressView { first_name, last_name, company, line1, line2, city, region, postal_code, country, phone } =
            view;
        Self { first_name, last_name, company, line1, line2, city, region, postal_code, country, phone }
    }
}

impl From<Address> for AddressView {
    fn from(address: Address) -> Self {
        let Address { first_name, last_name, company, line1, line2, city, region, postal_code, country, phone } =
            address;
        Self { first_name, last_name, company, line1, line2, city, region, postal_code, country, phone }
    }
}
