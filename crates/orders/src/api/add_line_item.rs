//! `POST /api/v1/carts/{id}/line-items`

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

/// Units of a variant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddLineItemRequest {
    /// The variant.
    variant_id: Uuid,
    /// How many.
    #[serde(deserialize_with = "whole_number")]
    #[schema(schema_with = fields::quantity)]
    quantity: i64,
}

/// Put something into a cart; a variant that is in already gets more.
#[utoipa::path(
    post,
    path = "/api/v1/carts/{id}/line-items",
    operation_id = "add_line_item",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = AddLineItemRequest,
    responses((status = 200, description = "The changed cart", body = Data<CartView>))
)]
pub async fn add_line_item(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(cart_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(AddLineItemRequest { variant_id, quantity }): Json<AddLineItemRequest>,
) -> Result<Reply<CartView>, ApiError> {
    let command = ops::AddLineItem { cart_id, seen_version, variant_id, quantity };
    let cart = ops::add_line_item(&orders, &context, command).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}
