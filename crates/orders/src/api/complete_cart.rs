//! `POST /api/v1/carts/{id}/complete`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, PathParam, Reply};
use uuid::Uuid;

use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Turn a cart into an order. What is in the way comes as 409 `CHECKOUT_BLOCKED`, one detail for each thing.
///
/// An idempotency key stands for one try: after a declined payment, send another.
#[utoipa::path(
    post,
    path = "/api/v1/carts/{id}/complete",
    operation_id = "complete_cart",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    responses((status = 201, description = "The order", body = Data<OrderView>))
)]
pub async fn complete_cart(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(cart_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
) -> Result<Reply<OrderView>, ApiError> {
    let order = ops::complete_cart(&orders, &context, ops::CompleteCart { cart_id, seen_version }).await?;
    let (location, version) = (format!("/api/v1/orders/{}", order.id), order.version);
    Ok(Reply::created(order, location).etag(version))
}
