//! `POST /api/v1/admin/webhook-endpoints/{id}/redeliver`

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use kernel::Failure;
use runtime::http::{ApiError, Caller, Data, Json, PathParam, Reply};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields;
use crate::domain::delivery::Status;
use crate::{Webhooks, ops};

/// Which deliveries of the endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeliverWebhooksRequest {
    /// Made from then on.
    from: DateTime<Utc>,
    /// Made before.
    until: DateTime<Utc>,
    /// With this status; without it both that were delivered and that failed.
    #[serde(default)]
    #[schema(schema_with = fields::done_status)]
    status: Option<String>,
}

/// What is sent again.
#[derive(Serialize, ToSchema)]
#[schema(as = RedeliveredWebhooks)]
pub struct RedeliveredView {
    /// Deliveries that are sent again.
    #[schema(schema_with = fields::count)]
    pub redelivered: u64,
}

/// Send deliveries of a time again that were delivered or failed, at most 10,000 at once, each object's in order.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-endpoints/{id}/redeliver",
    operation_id = "redeliver_webhooks",
    tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint")),
    request_body = RedeliverWebhooksRequest,
    responses((status = 200, description = "How many are sent again", body = Data<RedeliveredView>))
)]
pub async fn redeliver_webhooks(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    Json(body): Json<RedeliverWebhooksRequest>,
) -> Result<Reply<RedeliveredView>, ApiError> {
    let redelivered = ops::redeliver_range(&webhooks, &context, command(id, &body)?).await?;
    Ok(Reply::ok(RedeliveredView { redelivered }))
}

fn command(endpoint_id: Uuid, body: &RedeliverWebhooksRequest) -> Result<ops::RedeliverRange, Failure> {
    let status = match body.status.as_deref() {
        None => None,
        Some(name) => match Status::parse(name) {
            Some(status @ (Status::Delivered | Status::Failed)) => Some(status),
            _ => return Err(Failure::invalid_field("status", "INVALID_VALUE", "status takes `delivered` or `failed`")),
        },
    };
    if body.from >= body.until {
        return Err(Failure::invalid_field("until", "OUT_OF_RANGE", "until takes a time after from"));
    }
    Ok(ops::RedeliverRange { endpoint_id, from: body.from, until: body.until, status })
}
