//! `POST /api/v1/admin/webhook-deliveries/{id}/redeliver`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use super::delivery_view::DeliveryDetailView;
use crate::{Webhooks, ops};

/// Send a delivery again, whatever came of it before. It keeps its id.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-deliveries/{id}/redeliver",
    operation_id = "redeliver_webhook",
    tag = "webhooks",
    params(("id" = Uuid, Path, description = "The delivery")),
    responses((status = 202, description = "The delivery, which is sent soon", body = Data<DeliveryDetailView>))
)]
pub async fn redeliver_webhook(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<DeliveryDetailView>, ApiError> {
    let found = ops::redeliver(&webhooks, &context, id).await?;
    let location = format!("/api/v1/admin/webhook-deliveries/{}", found.0.id);
    Ok(Reply::accepted(found.into(), location))
}
