//! What answers show.

use chrono::{DateTime, Utc};
use runtime::http::Reply;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields;
use crate::domain::endpoint::{DisabledReason, Endpoint};
use crate::ops::WithSecret;

/// An endpoint. Its secret is shown when it is made, and never again.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub struct EndpointView {
    /// The id.
    pub id: Uuid,
    /// Where it is.
    #[schema(schema_with = fields::url)]
    pub url: String,
    /// What staff wrote about it.
    #[schema(schema_with = fields::description)]
    pub description: String,
    /// What it is told of: kinds such as `order.placed`, and wildcards.
    #[schema(schema_with = fields::event_types)]
    pub event_types: Vec<String>,
    /// Whether anything is sent to it.
    #[schema(schema_with = fields::endpoint_status)]
    pub status: &'static str,
    /// Why not: staff wanted it, it failed for too long, it said itself that it is gone (410).
    #[schema(schema_with = fields::disabled_reason_or_null, required)]
    pub disabled_reason: Option<&'static str>,
    /// The first failed attempt since the last good one.
    #[schema(required)]
    pub failing_since: Option<DateTime<Utc>>,
    /// When the secret before the current one ends.
    #[schema(required)]
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
    /// Grows by one with each change; the `ETag`.
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// An endpoint with its new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithSecret)]
pub struct EndpointWithSecretView {
    /// The endpoint.
    pub endpoint: EndpointView,
    /// The new secret: keep it now. `null` only for a repeat of a request whose secret has ended since.
    #[schema(schema_with = fields::secret_or_null, required)]
    pub secret: Option<String>,
}

impl From<Endpoint> for EndpointView {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url,
            description: endpoint.description,
            event_types: endpoint.event_types.as_slice().to_vec(),
            status: if endpoint.disabled.is_none() { "enabled" } else { "disabled" },
            disabled_reason: endpoint.disabled.map(DisabledReason::as_str),
            failing_since: endpoint.failing_since,
            previous_secret_expires_at: endpoint.previous_secret_expires_at,
            version: endpoint.version,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

impl From<WithSecret> for EndpointWithSecretView {
    fn from(shown: WithSecret) -> Self {
        let secret = shown.secret.map(|secret| secret.reveal().to_string());
        Self { endpoint: shown.endpoint.into(), secret }
    }
}

/// An endpoint as an answer.
pub fn endpoint_reply(endpoint: Endpoint) -> Reply<EndpointView> {
    let version = endpoint.version;
    Reply::ok(endpoint.into()).etag(version)
}
