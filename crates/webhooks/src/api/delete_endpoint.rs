//! `DELETE /api/v1/admin/webhook-endpoints/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, IfMatch, PathParam, Reply};
use uuid::Uuid;

use crate::{Webhooks, ops};

/// Take an endpoint away, with its deliveries.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/webhook-endpoints/{id}",
    operation_id = "delete_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on")
    ),
    responses((status = 204, description = "The endpoint is gone"))
)]
pub async fn delete_webhook_endpoint(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
) -> Result<Reply<()>, ApiError> {
    ops::delete_endpoint(&webhooks, &context, id, if_match).await?;
    Ok(Reply::no_content())
}
