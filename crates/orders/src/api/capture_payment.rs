//! `POST /api/v1/admin/orders/{id}/payments/{payment_id}/capture`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, PathParam, Reply};
use uuid::Uuid;

use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Take the whole money of an authorised payment.
#[utoipa::path(
    post,
    path = "/api/v1/admin/orders/{id}/payments/{payment_id}/capture",
    operation_id = "capture_payment",
    tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("payment_id" = Uuid, Path, description = "The payment"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    responses((status = 200, description = "The order", body = Data<OrderView>))
)]
pub async fn capture_payment(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam((order_id, payment_id)): PathParam<(Uuid, Uuid)>,
    IfMatch(seen_version): IfMatch,
) -> Result<Reply<OrderView>, ApiError> {
    let command = ops::CapturePayment { order_id, seen_version, payment_id };
    let order = ops::capture_payment(&orders, &context, command).await?;
    let version = order.version;
    Ok(Reply::ok(order).etag(version))
}
