//! `PATCH /api/v1/admin/webhook-endpoints/{id}`

use std::sync::Arc;

use axum::extract::State;
use kernel::text::Checks;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::{EndpointView, endpoint_reply};
use super::{description, fields, present};
use crate::domain::endpoint::EndpointChange;
use crate::domain::event_types::EventTypes;
use crate::error::Error;
use crate::{Webhooks, ops};

/// New values for some fields.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct UpdateWebhookEndpointRequest {
    /// Where it is.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::url)]
    url: Option<String>,
    /// What it is told of.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::event_types)]
    event_types: Option<Vec<String>>,
    /// A note of your own.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::description)]
    description: Option<String>,
}

/// Change an endpoint. What waits for it goes to its new address.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/webhook-endpoints/{id}",
    operation_id = "update_webhook_endpoint",
    tag = "webhooks",
    params(
        ("id" = Uuid, Path, description = "The endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = UpdateWebhookEndpointRequest,
    responses((status = 200, description = "The endpoint as it is now", body = Data<EndpointView>))
)]
pub async fn update_webhook_endpoint(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
    Json(body): Json<UpdateWebhookEndpointRequest>,
) -> Result<Reply<EndpointView>, ApiError> {
    let command = ops::UpdateEndpoint { id, change: change(&webhooks, body)?, if_match };
    Ok(endpoint_reply(ops::update_endpoint(&webhooks, &context, command).await?))
}

fn change(webhooks: &Webhooks, body: UpdateWebhookEndpointRequest) -> Result<EndpointChange, Error> {
    let mut checks = Checks::new();
    let url = body.url.map(|url| webhooks.rules.urls.check("url", &url)).transpose();
    let event_types = body.event_types.map(|entries| EventTypes::parse("event_types", entries)).transpose();
    let description = body.description.map(|text| description(&text)).transpose();
    let change = EndpointChange {
        url: checks.take(url).flatten().map(String::from),
        description: checks.take(description).flatten(),
        event_types: checks.take(event_types).flatten(),
    };
    checks.finish()?;
    Ok(change)
}
