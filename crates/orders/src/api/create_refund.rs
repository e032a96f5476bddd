//! `POST /api/v1/admin/orders/{id}/refunds`

use std::sync::Arc;

use axum::extract::State;
use kernel::Failure;
use kernel::money::MAX_AMOUNT;
use runtime::http::extract::whole_number;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reason;
use crate::view::fields;
use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Money to give back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRefundRequest {
    /// How much, in minor units of the order's currency.
    #[serde(deserialize_with = "whole_number")]
    #[schema(schema_with = fields::positive_amount)]
    amount: i64,
    /// The payment; the captured one when left out.
    payment_id: Option<Uuid>,
    /// Why.
    #[schema(schema_with = fields::reason_or_null)]
    reason: Option<String>,
}

/// Give some of what was paid back, no more than is left of it.
#[utoipa::path(
    post,
    path = "/api/v1/admin/orders/{id}/refunds",
    operation_id = "create_refund",
    tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = CreateRefundRequest,
    responses((status = 200, description = "The order", body = Data<OrderView>))
)]
pub async fn create_refund(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(order_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(CreateRefundRequest { amount, payment_id, reason: why }): Json<CreateRefundRequest>,
) -> Result<Reply<OrderView>, ApiError> {
    if !(1..=MAX_AMOUNT).contains(&amount) {
        return Err(Failure::invalid_field("amount", "OUT_OF_RANGE", format!("amount takes 1 to {MAX_AMOUNT}")).into());
    }
    let command = ops::CreateRefund { order_id, seen_version, payment_id, amount, reason: reason(why)? };
    let order = ops::create_refund(&orders, &context, command).await?;
    let version = order.version;
    Ok(Reply::ok(order).etag(version))
}
