//! Reads one endpoint.

use uuid::Uuid;

use crate::Webhooks;
use crate::domain::endpoint::Endpoint;
use crate::error::Error;
use crate::store;

/// An endpoint. Error: [`Error::EndpointNotFound`].
pub async fn get_endpoint(webhooks: &Webhooks, id: Uuid) -> Result<Endpoint, Error> {
    let mut conn = webhooks.db.primary().acquire().await?;
    store::endpoints::find(&mut conn, id, webhooks.clock.now()).await?.ok_or(Error::EndpointNotFound)
}
