//! `POST /api/v1/admin/orders/{id}/fulfillments`

use std::sync::Arc;

use axum::extract::State;
use events::order::LineQuantity;
use kernel::Failure;
use kernel::text::Checks;
use runtime::http::extract::whole_number;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::config::MAX_QUANTITY;
use crate::domain::contact::{MAX_NAME, line};
use crate::view::fields;
use crate::view::order::OrderView;
use crate::{Orders, ops};

/// Goods that left.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFulfillmentRequest {
    /// What was sent; everything that is left when left out.
    #[schema(min_items = 1, max_items = 100)]
    lines: Option<Vec<FulfilledLine>>,
    /// Who carries it.
    #[schema(schema_with = fields::name_or_null)]
    tracking_company: Option<String>,
    /// The carrier's number for it.
    #[schema(schema_with = fields::name_or_null)]
    tracking_number: Option<String>,
}

/// Units of a line.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewFulfilledLine)]
#[serde(deny_unknown_fields)]
pub struct FulfilledLine {
    /// The line of the order.
    line_id: Uuid,
    /// How many.
    #[serde(deserialize_with = "whole_number")]
    #[schema(schema_with = fields::quantity)]
    quantity: i64,
}

/// Note that goods of an order left.
#[utoipa::path(
    post,
    path = "/api/v1/admin/orders/{id}/fulfillments",
    operation_id = "create_fulfillment",
    tag = "admin",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = CreateFulfillmentRequest,
    responses((status = 200, description = "The order", body = Data<OrderView>))
)]
pub async fn create_fulfillment(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(order_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(body): Json<CreateFulfillmentRequest>,
) -> Result<Reply<OrderView>, ApiError> {
    let command = command(order_id, seen_version, body)?;
    let order = ops::create_fulfillment(&orders, &context, command).await?;
    let version = order.version;
    Ok(Reply::ok(order).etag(version))
}

fn command(
    order_id: Uuid,
    seen_version: Option<i64>,
    body: CreateFulfillmentRequest,
) -> Result<ops::CreateFulfillment, Failure> {
    let mut checks = Checks::new();
    if let Some(lines) = &body.lines {
        checks.require((1..=100).contains(&lines.len()), "lines", "OUT_OF_RANGE", "lines takes 1 to 100");
        for (at, line) in lines.iter().enumerate() {
            let field = format!("lines[{at}].quantity");
            let message = format!("quantity takes 1 to {MAX_QUANTITY}");
            checks.require((1..=MAX_QUANTITY).contains(&line.quantity), &field, "OUT_OF_RANGE", message);
        }
    }
    let mut text = |field: &str, text: Option<String>| {
        let checked = text.map(|text| line(field, &text, MAX_NAME)).transpose();
        checks.take(checked).flatten()
    };
    let tracking_company = text("tracking_company", body.tracking_company);
    let tracking_number = text("tracking_number", body.tracking_number);
    checks.finish()?;
    let line = |line: FulfilledLine| LineQuantity { line_id: line.line_id, quantity: line.quantity };
    let lines = body.lines.map(|lines| lines.into_iter().map(line).collect());
    Ok(ops::CreateFulfillment { order_id, seen_version, lines, tracking_company, tracking_number })
}
