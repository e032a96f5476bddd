//! `GET /api/v1/orders/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Show one of the caller's orders.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}",
    operation_id = "get_order",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The order", body = Data<OrderView>))
)]
pub async fn get_order(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<OrderView>, ApiError> {
    let order = ops::get_order(&orders, &context, id).await?;
    let version = order.version;
    Ok(Reply::ok(order).etag(version))
}
