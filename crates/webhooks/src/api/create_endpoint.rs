//! `POST /api/v1/admin/webhook-endpoints`

use std::sync::Arc;

use axum::extract::State;
use kernel::text::Checks;
use runtime::http::{ApiError, Caller, Data, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::EndpointWithSecretView;
use super::{description, fields};
use crate::domain::event_types::EventTypes;
use crate::error::Error;
use crate::{Webhooks, ops};

/// A new endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhookEndpointRequest {
    /// Where it is: an `https` address on the public internet, unless the configuration allows more.
    #[schema(schema_with = fields::url)]
    url: String,
    /// What it is told of: kinds such as `order.placed`, and wildcards: `order.*`, `*`.
    #[schema(schema_with = fields::event_types)]
    event_types: Vec<String>,
    /// A note of your own.
    #[serde(default)]
    #[schema(schema_with = fields::description)]
    description: String,
}

/// Add an endpoint. The answer shows its secret, this once.
#[utoipa::path(
    post,
    path = "/api/v1/admin/webhook-endpoints",
    operation_id = "create_webhook_endpoint",
    tag = "webhooks",
    request_body = CreateWebhookEndpointRequest,
    responses((status = 201, description = "The new endpoint and its secret", body = Data<EndpointWithSecretView>))
)]
pub async fn create_webhook_endpoint(
    State(webhooks): State<Arc<Webhooks>>,
    Caller(context): Caller,
    Json(body): Json<CreateWebhookEndpointRequest>,
) -> Result<Reply<EndpointWithSecretView>, ApiError> {
    let shown = ops::create_endpoint(&webhooks, &context, command(&webhooks, body)?).await?;
    let (location, version) =
        (format!("/api/v1/admin/webhook-endpoints/{}", shown.endpoint.id), shown.endpoint.version);
    Ok(Reply::created(shown.into(), location).etag(version))
}

fn command(webhooks: &Webhooks, body: CreateWebhookEndpointRequest) -> Result<ops::CreateEndpoint, Error> {
    let mut checks = Checks::new();
    let url = checks.take(webhooks.rules.urls.check("url", &body.url));
    let event_types = checks.take(EventTypes::parse("event_types", body.event_types));
    let description = checks.take(description(&body.description));
    match (url, event_types, description) {
        (Some(url), Some(event_types), Some(description)) => {
            Ok(ops::CreateEndpoint { url: url.into(), description, event_types })
        }
        _ => Err(checks.into_failure().into()),
    }
}
