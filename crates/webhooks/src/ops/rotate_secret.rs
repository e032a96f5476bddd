//! Gives an endpoint a new secret.

use crypto::WebhookSecret;
use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use uuid::Uuid;

use super::{Shown, WithSecret};
use crate::Webhooks;
use crate::error::Error;
use crate::store;

/// Gives an endpoint a new secret. The former one signs too until the overlap is over; the one before that ends now.
/// Errors: [`Error::EndpointNotFound`], 412.
pub async fn rotate_secret(
    webhooks: &Webhooks,
    context: &Context,
    id: Uuid,
    if_match: IfMatch,
) -> Result<WithSecret, Error> {
    let mut first = match webhooks.idempotency.begin::<Shown>(context, "rotate_webhook_secret", &id).await? {
        Once::Replay(shown) => return shown.again(webhooks).await,
        Once::First(first) => first,
    };
    let (conn, now) = (first.conn(), webhooks.clock.now());
    let mut endpoint = store::endpoints::lock(conn, id, now).await?.ok_or(Error::EndpointNotFound)?;
    if_match.check(endpoint.version)?;
    let ends = now + webhooks.rules.rotation_overlap;
    store::secrets::retire(conn, id, ends, now).await?;
    let secret = WebhookSecret::generate();
    let secret_id = store::secrets::insert(conn, &webhooks.keyring, id, &secret, now).await?;
    endpoint.previous_secret_expires_at = Some(ends).filter(|ends| *ends > now);
    endpoint.version += 1;
    endpoint.updated_at = now;
    store::endpoints::update(conn, &endpoint).await?;
    first.finish(&Shown { endpoint_id: id, secret_id }).await?;
    Ok(WithSecret { endpoint, secret: Some(secret) })
}
