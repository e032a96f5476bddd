//! `GET /api/v1/orders/{id}/events`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use crate::view::timeline::OrderEventView;
use crate::{Orders, ops};

/// Show what happened to one of the caller's orders, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/events",
    operation_id = "list_order_events",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The order's events", body = Data<Vec<OrderEventView>>))
)]
pub async fn list_order_events(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<Vec<OrderEventView>>, ApiError> {
    Ok(Reply::ok(ops::list_order_events(&orders, &context, id).await?))
}
