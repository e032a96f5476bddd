//! `PATCH /api/v1/carts/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::present;
use crate::domain::contact::{self, Address};
use crate::error::Error;
use crate::view::address::AddressView;
use crate::view::cart::CartView;
use crate::view::fields;
use crate::{Orders, ops};

/// New values; what is left out stays, `null` takes away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "the outer says whether the field is given, the inner whether it is null")]
pub struct UpdateCartRequest {
    /// Where mail about the order goes.
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = fields::email_or_null)]
    email: Option<Option<String>>,
    /// Where goods go.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<AddressView>)]
    shipping_address: Option<Option<AddressView>>,
    /// Where the bill goes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<AddressView>)]
    billing_address: Option<Option<AddressView>>,
}

/// Change e-mail and addresses of a cart.
#[utoipa::path(
    patch,
    path = "/api/v1/carts/{id}",
    operation_id = "update_cart",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = UpdateCartRequest,
    responses((status = 200, description = "The changed cart", body = Data<CartView>))
)]
pub async fn update_cart(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(body): Json<UpdateCartRequest>,
) -> Result<Reply<CartView>, ApiError> {
    let cart = ops::update_cart(&orders, &context, command(id, seen_version, body)?).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}

fn command(cart_id: Uuid, seen_version: Option<i64>, body: UpdateCartRequest) -> Result<ops::UpdateCart, Error> {
    let email = body.email.map(|email| email.map(|email| contact::checked_email("email", &email)).transpose());
    let email = email.transpose().map_err(|error| kernel::Failure::invalid(vec![error]))?;
    let address = |field: &str, change: Option<Option<AddressView>>| {
        let checked = |address: Option<AddressView>| address.map(|a| Address::from(a).checked(field)).transpose();
        change.map(checked).transpose()
    };
    Ok(ops::UpdateCart {
        cart_id,
        seen_version,
        email,
        shipping_address: address("shipping_address", body.shipping_address)?,
        billing_address: address("billing_address", body.billing_address)?,
    })
}
