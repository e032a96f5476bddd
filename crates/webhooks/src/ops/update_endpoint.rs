//! Changes an endpoint.

use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use uuid::Uuid;

use super::get_endpoint;
use crate::Webhooks;
use crate::domain::endpoint::{Endpoint, EndpointChange};
use crate::domain::event_types::EventTypes;
use crate::error::Error;
use crate::store;

/// What to change.
pub struct UpdateEndpoint {
    /// Which endpoint.
    pub id: Uuid,
    /// The new values.
    pub change: EndpointChange,
    /// The version that the caller has seen.
    pub if_match: IfMatch,
}

/// Changes an endpoint. What waits for it is sent to where it is then. Errors: [`Error::EndpointNotFound`], 412.
pub async fn update_endpoint(
    webhooks: &Webhooks,
    context: &Context,
    command: UpdateEndpoint,
) -> Result<Endpoint, Error> {
    let EndpointChange { url, description, event_types } = &command.change;
    let compared = (command.id, url, description, event_types.as_ref().map(EventTypes::as_slice));
    let begun = webhooks.idempotency.begin::<()>(context, "update_webhook_endpoint", &compared).await?;
    let Once::First(mut first) = begun else { return get_endpoint(webhooks, command.id).await };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    let mut endpoint = store::endpoints::lock(conn, command.id, now).await?.ok_or(Error::EndpointNotFound)?;
    command.if_match.check(endpoint.version)?;
    if endpoint.apply(command.change) {
        endpoint.version += 1;
        endpoint.updated_at = now;
        store::endpoints::update(conn, &endpoint).await?;
    }
    first.finish(&()).await?;
    Ok(endpoint)
}
