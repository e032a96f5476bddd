//! Takes an endpoint away.

use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use uuid::Uuid;

use crate::Webhooks;
use crate::error::Error;
use crate::store;

/// Deletes an endpoint. Nothing is sent to it any more, but for what is under way just now; its deliveries are gone.
/// Errors: [`Error::EndpointNotFound`], 412.
pub async fn delete_endpoint(webhooks: &Webhooks, context: &Context, id: Uuid, if_match: IfMatch) -> Result<(), Error> {
    let begun = webhooks.idempotency.begin::<()>(context, "delete_webhook_endpoint", &id).await?;
    let Once::First(mut first) = begun else { return Ok(()) };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    let endpoint = store::endpoints::lock(conn, id, now).await?.ok_or(Error::EndpointNotFound)?;
    if_match.check(endpoint.version)?;
    store::endpoints::delete(conn, id, now).await?;
    Ok(first.finish(&()).await?)
}
