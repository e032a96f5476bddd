//! `DELETE /api/v1/carts/{id}/line-items/{line_id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, PathParam, Reply};
use uuid::Uuid;

use crate::view::cart::CartView;
use crate::{Orders, ops};

/// Take something out of a cart.
#[utoipa::path(
    delete,
    path = "/api/v1/carts/{id}/line-items/{line_id}",
    operation_id = "remove_line_item",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("line_id" = Uuid, Path, description = "The line"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    responses((status = 200, description = "The changed cart", body = Data<CartView>))
)]
pub async fn remove_line_item(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam((cart_id, line_id)): PathParam<(Uuid, Uuid)>,
    IfMatch(seen_version): IfMatch,
) -> Result<Reply<CartView>, ApiError> {
    let command = ops::RemoveLineItem { cart_id, seen_version, line_id };
    let cart = ops::remove_line_item(&orders, &context, command).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}
