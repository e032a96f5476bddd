//! Stops sending to an endpoint.

use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use uuid::Uuid;

use super::{disable, get_endpoint};
use crate::Webhooks;
use crate::domain::endpoint::{DisabledReason, Endpoint};
use crate::error::Error;
use crate::store;

/// Disables an endpoint; one that is disabled stays as it is. Events gather for it meanwhile.
/// Errors: [`Error::EndpointNotFound`], 412.
pub async fn disable_endpoint(
    webhooks: &Webhooks,
    context: &Context,
    id: Uuid,
    if_match: IfMatch,
) -> Result<Endpoint, Error> {
    let begun = webhooks.idempotency.begin::<()>(context, "disable_webhook_endpoint", &id).await?;
    let Once::First(mut first) = begun else { return get_endpoint(webhooks, id).await };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    let mut endpoint = store::endpoints::lock(conn, id, now).await?.ok_or(Error::EndpointNotFound)?;
    if_match.check(endpoint.version)?;
    if endpoint.disabled.is_none() {
        disable(webhooks, conn, &mut endpoint, DisabledReason::Requested).await?;
    }
    first.finish(&()).await?;
    Ok(endpoint)
}
