//! Sends to an endpoint again.

use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use uuid::Uuid;

use super::get_endpoint;
use crate::Webhooks;
use crate::domain::endpoint::Endpoint;
use crate::error::Error;
use crate::store;

/// Enables an endpoint; one that is enabled stays as it is. What waits for it is due at once, with all its attempts.
/// Errors: [`Error::EndpointNotFound`], 412.
pub async fn enable_endpoint(
    webhooks: &Webhooks,
    context: &Context,
    id: Uuid,
    if_match: IfMatch,
) -> Result<Endpoint, Error> {
    let begun = webhooks.idempotency.begin::<()>(context, "enable_webhook_endpoint", &id).await?;
    let Once::First(mut first) = begun else { return get_endpoint(webhooks, id).await };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    let mut endpoint = store::endpoints::lock(conn, id, now).await?.ok_or(Error::EndpointNotFound)?;
    if_match.check(endpoint.version)?;
    if endpoint.disabled.is_some() {
        endpoint.disabled = None;
        endpoint.failing_since = None;
        endpoint.version += 1;
        endpoint.updated_at = now;
        store::endpoints::update(conn, &endpoint).await?;
        store::lanes::resume(conn, id, now).await?;
    }
    first.finish(&()).await?;
    Ok(endpoint)
}
