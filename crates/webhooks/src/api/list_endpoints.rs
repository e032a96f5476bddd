//! `GET /api/v1/admin/webhook-endpoints`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Data, Query, Reply};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::EndpointView;
use crate::{Webhooks, ops};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListWebhookEndpointsQuery {
    /// Endpoints on the page; 20 when it is not there.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List the endpoints, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/admin/webhook-endpoints",
    operation_id = "list_webhook_endpoints",
    tag = "webhooks",
    params(ListWebhookEndpointsQuery),
    responses((status = 200, description = "A page of endpoints", body = Data<Vec<EndpointView>>))
)]
pub async fn list_webhook_endpoints(
    State(webhooks): State<Arc<Webhooks>>,
    Query(query): Query<ListWebhookEndpointsQuery>,
) -> Result<Reply<Vec<EndpointView>>, ApiError> {
    let page = ops::list_endpoints(&webhooks, ops::ListEndpoints { limit: query.limit, cursor: query.cursor }).await?;
    Ok(Reply::ok(page.items.into_iter().map(EndpointView::from).collect()).page(page.next))
}
