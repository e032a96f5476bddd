//! `GET /api/v1/admin/orders/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Data, PathParam, Reply};
use uuid::Uuid;

use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Show any order.
#[utoipa::path(
    get,
    path = "/api/v1/admin/orders/{id}",
    operation_id = "get_admin_order",
    tag = "admin",
    params(("id" = Uuid, Path, description = "The order")),
    responses((status = 200, description = "The order", body = Data<OrderView>))
)]
pub async fn get_admin_order(
    State(orders): State<Arc<Orders>>,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<OrderView>, ApiError> {
    let order = ops::get_admin_order(&orders, id).await?;
    let version = order.version;
    Ok(Reply::ok(order).etag(version))
}
