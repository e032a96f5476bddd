//! Deletes secrets that have ended.

use crate::Webhooks;
use crate::error::Error;
use crate::store;

/// Deletes secrets whose overlap is over, and those of deleted endpoints; tells how many those were.
pub async fn purge_secrets(webhooks: &Webhooks) -> Result<u64, Error> {
    let mut conn = webhooks.db.primary().acquire().await?;
    Ok(store::secrets::purge(&mut conn, webhooks.clock.now()).await?)
}
