//! `POST /api/v1/users/me/addresses`

use std::sync::Arc;

use axum::extract::State;
use kernel::Country;
use kernel::text::Checks;
use runtime::http::{ApiError, Caller, Data, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields;
use super::view::AddressView;
use crate::domain::address::{MAX_LINE, MAX_POSTAL_CODE, MAX_REGION, PostalAddress};
use crate::domain::{self, MAX_NAME};
use crate::error::Error;
use crate::{Users, ops};

/// A new address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAddressRequest {
    /// First name.
    #[schema(schema_with = fields::name)]
    first_name: String,
    /// Last name.
    #[schema(schema_with = fields::name)]
    last_name: String,
    /// Company.
    #[schema(schema_with = fields::line_or_null)]
    company: Option<String>,
    /// Street and number.
    #[schema(schema_with = fields::line)]
    line1: String,
    /// More of the street line.
    #[schema(schema_with = fields::line_or_null)]
    line2: Option<String>,
    /// City.
    #[schema(schema_with = fields::line)]
    city: String,
    /// State, province, county.
    #[schema(schema_with = fields::region_or_null)]
    region: Option<String>,
    /// Postal code.
    #[schema(schema_with = fields::postal_code_or_null)]
    postal_code: Option<String>,
    /// Country, by its ISO 3166-1 alpha-2 code.
    #[schema(schema_with = fields::country)]
    country: Country,
    /// Telephone number.
    #[schema(schema_with = fields::phone_or_null)]
    phone: Option<String>,
    /// Proposed for shipping, in place of the one that was.
    #[serde(default)]
    is_default_shipping: bool,
    /// Proposed for billing, in place of the one that was.
    #[serde(default)]
    is_default_billing: bool,
}

/// Add an address to the caller's book.
#[utoipa::path(
    post,
    path = "/api/v1/users/me/addresses",
    operation_id = "create_address",
    tag = "users",
    request_body = CreateAddressRequest,
    responses((status = 201, description = "The new address", body = Data<AddressView>))
)]
pub async fn create_address(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    Json(body): Json<CreateAddressRequest>,
) -> Result<Reply<AddressView>, ApiError> {
    let address = ops::create_address(&users, &context, command(body)?).await?;
    let (location, version) = (format!("/api/v1/users/me/addresses/{}", address.id), address.version);
    Ok(Reply::created(address.into(), location).etag(version))
}

fn command(body: CreateAddressRequest) -> Result<ops::CreateAddress, Error> {
    let mut checks = Checks::new();
    let mut line = |field, text: String, max| checks.take(domain::line(field, &text, max)).unwrap_or_default();
    let content = PostalAddress {
        first_name: line("first_name", body.first_name, MAX_NAME),
        last_name: line("last_name", body.last_name, MAX_NAME),
        company: body.company.map(|text| line("company", text, MAX_LINE)),
        line1: line("line1", body.line1, MAX_LINE),
        line2: body.line2.map(|text| line("line2", text, MAX_LINE)),
        city: line("city", body.city, MAX_LINE),
        region: body.region.map(|text| line("region", text, MAX_REGION)),
        postal_code: body.postal_code.map(|text| line("postal_code", text, MAX_POSTAL_CODE)),
        country: body.country,
        phone: checks.take(body.phone.map(|text| domain::phone("phone", &text)).transpose()).flatten(),
    };
    checks.finish()?;
    let (is_default_shipping, is_default_billing) = (body.is_default_shipping, body.is_default_billing);
    Ok(ops::CreateAddress { content, is_default_shipping, is_default_billing })
}
