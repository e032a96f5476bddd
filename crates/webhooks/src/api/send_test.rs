//! `POST /api/v1/admin/webhook-endpoints/{id}/test`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use super::delivery_view::DeliveryDetailView;
use crate::{Webhooks, ops};

/// Send an endpoint a test message of the type `webhook.test`.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-endpoints/{id}/test",
    operation_id = "send_test_webhook",
    tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint")),
    responses((status = 202, description = "The delivery, which is sent soon", body = Data<DeliveryDetailView>))
)]
pub async fn send_test_webhook(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<DeliveryDetailView>, ApiError> {
    let found = ops::send_test(&webhooks, &context, id).await?;
    let location = format!("/api/v1/admin/webhook-deliveries/{}", found.0.id);
    Ok(Reply::accepted(found.into(), location))
}
