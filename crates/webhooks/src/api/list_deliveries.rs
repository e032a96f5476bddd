//! `GET /api/v1/admin/webhook-deliveries`

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use kernel::Failure;
use runtime::http::{ApiError, Data, Query, Reply};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::delivery_view::DeliveryView;
use super::fields;
use crate::domain::delivery::Status;
use crate::domain::message::TEST_KIND;
use crate::{Webhooks, ops};

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListWebhookDeliveriesQuery {
    /// Of this endpoint.
    endpoint_id: Option<Uuid>,
    /// With this status.
    #[param(schema_with = fields::delivery_status, required = false)]
    status: Option<String>,
    /// Of events of this type.
    #[param(schema_with = fields::event_type, required = false)]
    event_type: Option<String>,
    /// Of events of this object.
    object_id: Option<Uuid>,
    /// Made from then on.
    from: Option<DateTime<Utc>>,
    /// Made before.
    until: Option<DateTime<Utc>>,
    /// Deliveries on the page; 20 when it is not there.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List deliveries, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/admin/webhook-deliveries",
    operation_id = "list_webhook_deliveries",
    tag = "webhooks",
    params(ListWebhookDeliveriesQuery),
    responses((status = 200, description = "A page of deliveries", body = Data<Vec<DeliveryView>>))
)]
pub async fn list_webhook_deliveries(
    State(webhooks): State<Arc<Webhooks>>,
    Query(query): Query<ListWebhookDeliveriesQuery>,
) -> Result<Reply<Vec<DeliveryView>>, ApiError> {
    let page = ops::list_deliveries(&webhooks, wanted(query)?).await?;
    Ok(Reply::ok(page.items.into_iter().map(DeliveryView::from).collect()).page(page.next))
}

fn wanted(query: ListWebhookDeliveriesQuery) -> Result<ops::ListDeliveries, Failure> {
    let invalid = |field: &str, what| Failure::invalid_field(field, "INVALID_VALUE", format!("{field} takes {what}"));
    let status = match &query.status {
        Some(name) => Some(Status::parse(name).ok_or_else(|| invalid("status", "a status of deliveries"))?),
        None => None,
    };
    let is_kind = |kind: &String| kind == TEST_KIND || events::find(kind).is_some();
    if !query.event_type.as_ref().is_none_or(is_kind) {
        return Err(invalid("event_type", "the type of an event"));
    }
    let (event_type, object_id) = (query.event_type, query.object_id);
    let filter = ops::Filter {
        endpoint_id: query.endpoint_id,
        status,
        event_type,
        object_id,
        from: query.from,
        until: query.until,
    };
    Ok(ops::ListDeliveries { filter, limit: query.limit, cursor: query.cursor })
}
