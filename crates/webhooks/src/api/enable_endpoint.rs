//! `POST /api/v1/admin/webhook-endpoints/{id}/enable`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, PathParam, Reply};
use uuid::Uuid;

use super::view::{EndpointView, endpoint_reply};
use crate::{Webhooks, ops};

/// Send to an endpoint again, first what waits for it.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-endpoints/{id}/enable",
    operation_id = "enable_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    responses((status = 200, description = "The enabled endpoint", body = Data<EndpointView>))
)]
pub async fn enable_webhook_endpoint(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
) -> Result<Reply<EndpointView>, ApiError> {
    Ok(endpoint_reply(ops::enable_endpoint(&webhooks, &context, id, if_match).await?))
}
