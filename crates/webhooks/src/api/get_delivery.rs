//! `GET /api/v1/admin/webhook-deliveries/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Data, PathParam, Reply};
use uuid::Uuid;

use super::delivery_view::DeliveryDetailView;
use crate::{Webhooks, ops};

/// A delivery with what is sent and its attempts.
#[utoipa::path(
    get,
    path = "/api/v1/admin/webhook-deliveries/{id}",
    operation_id = "get_webhook_delivery",
    tag = "webhooks",
    params(("id" = Uuid, Path, description = "The delivery")),
    responses((status = 200, description = "The delivery", body = Data<DeliveryDetailView>))
)]
pub async fn get_webhook_delivery(
    State(webhooks): State<Arc<Webhooks>>,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<DeliveryDetailView>, ApiError> {
    Ok(Reply::ok(ops::get_delivery(&webhooks, id).await?.into()))
}
