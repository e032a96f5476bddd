//! `PUT /api/v1/carts/{id}/shipping-option`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::view::cart::CartView;
use crate::view::fields;
use crate::{Orders, ops};

/// A way of shipping.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetShippingOptionRequest {
    /// Its key, as in the list of shipping options.
    #[schema(schema_with = fields::key)]
    option: String,
}

/// Choose the way of shipping.
#[utoipa::path(
    put,
    path = "/api/v1/carts/{id}/shipping-option",
    operation_id = "set_shipping_option",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = SetShippingOptionRequest,
    responses((status = 200, description = "The changed cart", body = Data<CartView>))
)]
pub async fn set_shipping_option(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(cart_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(SetShippingOptionRequest { option }): Json<SetShippingOptionRequest>,
) -> Result<Reply<CartView>, ApiError> {
    let command = ops::SetShippingOption { cart_id, seen_version, option };
    let cart = ops::set_shipping_option(&orders, &context, command).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}
