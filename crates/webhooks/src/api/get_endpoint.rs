//! `GET /api/v1/admin/webhook-endpoints/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Data, PathParam, Reply};
use uuid::Uuid;

use super::view::{EndpointView, endpoint_reply};
use crate::{Webhooks, ops};

/// An endpoint.
#[utoipa::path(
    get,
    path = "/api/v1/admin/webhook-endpoints/{id}",
    operation_id = "get_webhook_endpoint",
    tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = Data<EndpointView>))
)]
pub async fn get_webhook_endpoint(
    State(webhooks): State<Arc<Webhooks>>,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<EndpointView>, ApiError> {
    Ok(endpoint_reply(ops::get_endpoint(&webhooks, id).await?))
}
