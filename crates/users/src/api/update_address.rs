//! `PATCH /api/v1/users/me/addresses/{id}`

use std::sync::Arc;

use axum::extract::State;
use kernel::Country;
use kernel::text::Checks;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::AddressView;
use super::{fields, present};
use crate::domain::address::{AddressChange, MAX_LINE, MAX_POSTAL_CODE, MAX_REGION};
use crate::domain::{self, MAX_NAME};
use crate::error::Error;
use crate::{Users, ops};

/// New values. What is not there stays as it is; null takes an optional field away.
#[expect(clippy::option_option, reason = "the outer says whether the field is given, the inner whether it is null")]
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateAddressRequest {
    /// First name.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::name)]
    first_name: Option<String>,
    /// Last name.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::name)]
    last_name: Option<String>,
    /// Company.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::line_or_null)]
    company: Option<Option<String>>,
    /// Street and number.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::line)]
    line1: Option<String>,
    /// More of the street line.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::line_or_null)]
    line2: Option<Option<String>>,
    /// City.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::line)]
    city: Option<String>,
    /// State, province, county.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::region_or_null)]
    region: Option<Option<String>>,
    /// Postal code.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::postal_code_or_null)]
    postal_code: Option<Option<String>>,
    /// Country, by its ISO 3166-1 alpha-2 code.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::country)]
    country: Option<Country>,
    /// Telephone number.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::phone_or_null)]
    phone: Option<Option<String>>,
    /// Proposed for shipping, in place of the one that was.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::flag)]
    is_default_shipping: Option<bool>,
    /// Proposed for billing, in place of the one that was.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::flag)]
    is_default_billing: Option<bool>,
}

/// Change an address of the caller.
#[utoipa::path(
    patch,
    path = "/api/v1/users/me/addresses/{id}",
    operation_id = "update_address",
    tag = "users",
    params(
        ("id" = Uuid, Path, description = "The address"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = UpdateAddressRequest,
    responses((status = 200, description = "The address as it is now", body = Data<AddressView>))
)]
pub async fn update_address(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
    Json(body): Json<UpdateAddressRequest>,
) -> Result<Reply<AddressView>, ApiError> {
    let command = ops::UpdateAddress { id, change: change(body)?, if_match };
    let address = ops::update_address(&users, &context, command).await?;
    let version = address.version;
    Ok(Reply::ok(address.into()).etag(version))
}

fn change(body: UpdateAddressRequest) -> Result<AddressChange, Error> {
    let mut checks = Checks::new();
    let phone = body.phone.map(|text| text.map(|text| domain::phone("phone", &text)).transpose()).transpose();
    let phone = checks.take(phone).flatten();
    let mut line = |field, text: String, max| checks.take(domain::line(field, &text, max)).unwrap_or_default();
    let change = AddressChange {
        first_name: body.first_name.map(|text| line("first_name", text, MAX_NAME)),
        last_name: body.last_name.map(|text| line("last_name", text, MAX_NAME)),
        company: body.company.map(|text| text.map(|text| line("company", text, MAX_LINE))),
        line1: body.line1.map(|text| line("line1", text, MAX_LINE)),
        line2: body.line2.map(|text| text.map(|text| line("line2", text, MAX_LINE))),
        city: body.city.map(|text| line("city", text, MAX_LINE)),
        region: body.region.map(|text| text.map(|text| line("region", text, MAX_REGION))),
        postal_code: body.postal_code.map(|text| text.map(|text| line("postal_code", text, MAX_POSTAL_CODE))),
        country: body.country,
        phone,
        is_default_shipping: body.is_default_shipping,
        is_default_billing: body.is_default_billing,
    };
    checks.finish()?;
    Ok(change)
}
