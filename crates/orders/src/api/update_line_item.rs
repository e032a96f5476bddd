//! `PATCH /api/v1/carts/{id}/line-items/{line_id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::extract::whole_number;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::view::cart::CartView;
use crate::view::fields;
use crate::{Orders, ops};

/// A new quantity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateLineItemRequest {
    /// How many.
    #[serde(deserialize_with = "whole_number")]
    #[schema(schema_with = fields::quantity)]
    quantity: i64,
}

/// Change how many of something are in a cart.
#[utoipa::path(
    patch,
    path = "/api/v1/carts/{id}/line-items/{line_id}",
    operation_id = "update_line_item",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("line_id" = Uuid, Path, description = "The line"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = UpdateLineItemRequest,
    responses((status = 200, description = "The changed cart", body = Data<CartView>))
)]
pub async fn update_line_item(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam((cart_id, line_id)): PathParam<(Uuid, Uuid)>,
    IfMatch(seen_version): IfMatch,
    Json(UpdateLineItemRequest { quantity }): Json<UpdateLineItemRequest>,
) -> Result<Reply<CartView>, ApiError> {
    let command = ops::UpdateLineItem { cart_id, seen_version, line_id, quantity };
    let cart = ops::update_line_item(&orders, &context, command).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}
