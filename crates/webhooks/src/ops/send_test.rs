//! Sends an endpoint a test message.

use events::Envelope;
use kernel::Context;
use messaging::Once;
use serde_json::Value;
use uuid::Uuid;

use super::get_delivery;
use crate::Webhooks;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::message;
use crate::error::Error;
use crate::store;

/// Puts a test message on its way to an endpoint, in a lane of its own.
/// Errors: [`Error::EndpointNotFound`], [`Error::EndpointDisabled`].
pub async fn send_test(
    webhooks: &Webhooks,
    context: &Context,
    endpoint_id: Uuid,
) -> Result<(Delivery, Vec<Attempt>), Error> {
    let begun = webhooks.idempotency.begin::<Uuid>(context, "send_test_webhook", &endpoint_id).await?;
    let mut first = match begun {
        Once::Replay(id) => return get_delivery(webhooks, id).await,
        Once::First(first) => first,
    };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    let endpoint = store::endpoints::lock(conn, endpoint_id, now).await?.ok_or(Error::EndpointNotFound)?;
    if endpoint.disabled.is_some() {
        return Err(Error::EndpointDisabled);
    }
    let test = Envelope {
        id: kernel::id::new_id(),
        sequence: None,
        source: "webhooks".to_owned(),
        kind: message::TEST_KIND.to_owned(),
        aggregate: "webhook_test".to_owned(),
        aggregate_id: kernel::id::new_id(),
        version: 1,
        data: Value::Null,
        occurred_at: now,
        trace_parent: None,
    };
    let body = message::of_test(endpoint_id, now);
    store::lanes::append(conn, &[endpoint_id], &test, &body, now).await?;
    let id = store::deliveries::of_event(conn, endpoint_id, test.id).await?;
    first.finish(&id).await?;
    get_delivery(webhooks, id).await
}
