//! Takes deliveries that are due.

use std::collections::HashMap;

use crypto::WebhookSecret;
use uuid::Uuid;

use crate::Webhooks;
use crate::error::Error;
use crate::store;
use crate::store::leases::{Leased, Room};

/// Takes deliveries that are due, each with the secrets that sign it. Nobody else sends them before the lease is over.
pub(crate) async fn take_due(webhooks: &Webhooks, room: &Room<'_>) -> Result<Vec<(Leased, Vec<WebhookSecret>)>, Error> {
    let now = webhooks.clock.now();
    let mut conn = webhooks.db.primary().acquire().await?;
    let batch = store::leases::take(&mut conn, room, now, now + webhooks.rules.lease).await?;
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut endpoints: Vec<Uuid> = batch.iter().map(|leased| leased.endpoint_id).collect();
    endpoints.sort();
    endpoints.dedup();
    let mut secrets: HashMap<Uuid, Vec<WebhookSecret>> = HashMap::new();
    for (endpoint, secret) in store::secrets::of_endpoints(&mut conn, &webhooks.keyring, &endpoints, now).await? {
        secrets.entry(endpoint).or_default().push(secret);
    }
    let signed = |leased: Leased| {
        let secrets = secrets.get(&leased.endpoint_id).cloned().unwrap_or_default();
        (leased, secrets)
    };
    Ok(batch.into_iter().map(signed).collect())
}
