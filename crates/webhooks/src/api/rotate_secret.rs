//! `POST /api/v1/admin/webhook-endpoints/{id}/rotate-secret`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, PathParam, Reply};
use uuid::Uuid;

use super::view::EndpointWithSecretView;
use crate::{Webhooks, ops};

/// Give an endpoint a new secret. The former one signs beside it until `previous_secret_expires_at`; rotated twice, it ends
/// at once.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-endpoints/{id}/rotate-secret",
    operation_id = "rotate_webhook_secret",
    tag = "webhooks",
    params(
        ("id" = Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    responses((status = 200, description = "The endpoint and its new secret", body = Data<EndpointWithSecretView>))
)]
pub async fn rotate_webhook_secret(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
) -> Result<Reply<EndpointWithSecretView>, ApiError> {
    let shown = ops::rotate_secret(&webhooks, &context, id, if_match).await?;
    let version = shown.endpoint.version;
    Ok(Reply::ok(shown.into()).etag(version))
}
