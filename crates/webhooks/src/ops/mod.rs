//! The use cases, one file each: opens the transaction, decides, writes, emits, commits.
//!
//! A repeat with the same `Idempotency-Key` changes nothing and answers with the object as it is now. A secret that was
//! shown is shown again to such a repeat, as long as it is good: what is kept for repeats is its id.

mod create_endpoint;
mod delete_endpoint;
mod disable_endpoint;
mod enable_endpoint;
mod find_violations;
mod get_delivery;
mod get_endpoint;
mod list_deliveries;
mod list_endpoints;
mod measure;
mod note_event;
mod purge_deliveries;
mod purge_secrets;
mod record_attempt;
mod redeliver;
mod redeliver_range;
mod reseal_secrets;
mod rotate_secret;
mod send_test;
mod take_due;
mod update_endpoint;

pub use create_endpoint::{CreateEndpoint, create_endpoint};
pub use delete_endpoint::delete_endpoint;
pub use disable_endpoint::disable_endpoint;
pub use enable_endpoint::enable_endpoint;
pub use find_violations::{Violation, find_violations};
pub use get_delivery::get_delivery;
pub use get_endpoint::get_endpoint;
pub use list_deliveries::{Filter, ListDeliveries, list_deliveries};
pub use list_endpoints::{ListEndpoints, list_endpoints};
pub(crate) use measure::measure;
pub(crate) use note_event::note_event;
pub use purge_deliveries::purge_deliveries;
pub use purge_secrets::purge_secrets;
pub use record_attempt::MadeAttempt;
pub(crate) use record_attempt::record_attempt;
pub use redeliver::redeliver;
pub use redeliver_range::{RedeliverRange, redeliver_range};
pub use reseal_secrets::reseal_secrets;
pub use rotate_secret::rotate_secret;
pub use send_test::send_test;
pub(crate) use take_due::take_due;
pub use update_endpoint::{UpdateEndpoint, update_endpoint};

use crypto::WebhookSecret;
use events::webhook_endpoint::{AGGREGATE, WebhookEndpointDisabled};
use messaging::NewEvent;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Webhooks;
use crate::domain::endpoint::{DisabledReason, Endpoint};
use crate::error::Error;
use crate::store;

/// An endpoint whose new secret is to be shown; none when a repeat asks after the secret has ended.
pub struct WithSecret {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its new secret.
    pub secret: Option<WebhookSecret>,
}

/// What is kept for repeats of a request that showed a secret.
#[derive(Serialize, Deserialize)]
struct Shown {
    endpoint_id: Uuid,
    secret_id: Uuid,
}

impl Shown {
    /// The answer to a repeat.
    async fn again(self, webhooks: &Webhooks) -> Result<WithSecret, Error> {
        let mut conn = webhooks.db.primary().acquire().await?;
        let endpoint = store::endpoints::find(&mut conn, self.endpoint_id, webhooks.clock.now()).await?;
        let endpoint = endpoint.ok_or(Error::EndpointNotFound)?;
        let secret = store::secrets::find(&mut conn, &webhooks.keyring, self.secret_id).await?;
        Ok(WithSecret { endpoint, secret })
    }
}

/// Disables an endpoint that is locked, and tells of it.
async fn disable(
    webhooks: &Webhooks,
    conn: &mut PgConnection,
    endpoint: &mut Endpoint,
    reason: DisabledReason,
) -> Result<(), Error> {
    endpoint.disabled = Some(reason);
    endpoint.version += 1;
    endpoint.updated_at = webhooks.clock.now();
    store::endpoints::update(conn, endpoint).await?;
    let payload = WebhookEndpointDisabled { reason: reason.as_str().to_owned(), failing_since: endpoint.failing_since };
    let data = serde_json::to_value(payload).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let event = NewEvent {
        aggregate: AGGREGATE,
        aggregate_id: endpoint.id,
        version: endpoint.version,
        kind: WebhookEndpointDisabled::KIND,
        data,
    };
    Ok(messaging::emit(conn, &event).await?)
}
