//! `POST /api/v1/admin/orders/{id}/cancel`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reason;
use crate::view::fields;
use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Why an order is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelOrderRequest {
    /// Why.
    #[schema(schema_with = fields::reason_or_null)]
    reason: Option<String>,
}

/// Cancel an order before anything was sent: the payment is voided or refunded, the stock given back.
#[utoipa::path(
    post,
    path = "/api/v1/admin/orders/{id}/cancel",
    operation_id = "cancel_order",
    tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = CancelOrderRequest,
    responses((status = 200, description = "The order", body = Data<OrderView>))
)]
pub async fn cancel_order(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(order_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(body): Json<CancelOrderRequest>,
) -> Result<Reply<OrderView>, ApiError> {
    let command = ops::CancelOrder { order_id, seen_version, reason: reason(body.reason)? };
    let order = ops::cancel_order(&orders, &context, command).await?;
    let version = order.version;
    Ok(Reply::ok(order).etag(version))
}
