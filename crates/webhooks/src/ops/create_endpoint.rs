//! Adds an endpoint.

use crypto::WebhookSecret;
use kernel::Context;
use messaging::Once;

use super::{Shown, WithSecret};
use crate::Webhooks;
use crate::domain::endpoint::{Endpoint, MAX_ENDPOINTS};
use crate::domain::event_types::EventTypes;
use crate::error::Error;
use crate::store;

/// The new endpoint.
pub struct CreateEndpoint {
    /// Where it is.
    pub url: String,
    /// What staff wrote about it.
    pub description: String,
    /// What it is told of.
    pub event_types: EventTypes,
}

/// Adds an endpoint with a new secret. Error: [`Error::TooManyEndpoints`].
pub async fn create_endpoint(
    webhooks: &Webhooks,
    context: &Context,
    command: CreateEndpoint,
) -> Result<WithSecret, Error> {
    let compared = (&command.url, &command.description, command.event_types.as_slice());
    let mut first = match webhooks.idempotency.begin::<Shown>(context, "create_webhook_endpoint", &compared).await? {
        Once::Replay(shown) => return shown.again(webhooks).await,
        Once::First(first) => first,
    };
    let conn = first.conn();
    if store::endpoints::count_to_add(conn).await? >= MAX_ENDPOINTS {
        return Err(Error::TooManyEndpoints);
    }
    let now = webhooks.clock.now();
    let endpoint = Endpoint {
        id: kernel::id::new_id(),
        url: command.url,
        description: command.description,
        event_types: command.event_types,
        disabled: None,
        failing_since: None,
        previous_secret_expires_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store::endpoints::insert(conn, &endpoint).await?;
    let secret = WebhookSecret::generate();
    let secret_id = store::secrets::insert(conn, &webhooks.keyring, endpoint.id, &secret, now).await?;
    first.finish(&Shown { endpoint_id: endpoint.id, secret_id }).await?;
    Ok(WithSecret { endpoint, secret: Some(secret) })
}
