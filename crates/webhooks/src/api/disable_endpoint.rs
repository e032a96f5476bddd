//! `POST /api/v1/admin/webhook-endpoints/{id}/disable`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, PathParam, Reply};
use uuid::Uuid;

use super::view::{EndpointView, endpoint_reply};
use crate::{Webhooks, ops};

/// Stop sending to an endpoint. Events gather for it until it is enabled, as long as deliveries are kept.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-endpoints/{id}/disable",
    operation_id = "disable_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    responses((status = 200, description = "The disabled endpoint", body = Data<EndpointView>))
)]
pub async fn disable_webhook_endpoint(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
) -> Result<Reply<EndpointView>, ApiError> {
    Ok(endpoint_reply(ops::disable_endpoint(&webhooks, &context, id, if_match).await?))
}
