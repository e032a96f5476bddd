//! `GET /api/v1/carts/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use crate::view::cart::CartView;
use crate::{Orders, ops};

/// Show a cart at today's prices, with everything that keeps it from being ordered.
#[utoipa::path(
    get,
    path = "/api/v1/carts/{id}",
    operation_id = "get_cart",
    tag = "carts",
    params(("id" = Uuid, Path, description = "The cart")),
    responses((status = 200, description = "The cart", body = Data<CartView>))
)]
pub async fn get_cart(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<CartView>, ApiError> {
    let cart = ops::get_cart(&orders, &context, id).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}
