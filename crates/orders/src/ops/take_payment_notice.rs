//! Takes what a payment provider tells us.

use std::sync::Arc;

use crate::Orders;
use crate::error::Error;
use crate::payments::stripe::{self, signature};
use crate::process::watch;
use crate::store;

/// Keeps a notice of Stripe's that is signed by it, and begins to see to it. One that came before has no second effect.
pub async fn take_payment_notice(orders: &Arc<Orders>, signed: &str, body: &[u8]) -> Result<(), Error> {
    let provider = orders.providers.get(stripe::NAME).map_err(|_| Error::ProviderNotConfigured)?;
    signature::check(&orders.settings.stripe.webhook_secrets(), signed, body, orders.clock.now())?;
    let Some(notice) = provider.read_notice(body)? else { return Ok(()) };
    let mut conn = orders.db.primary().acquire().await?;
    let new = store::payment_notices::insert(&mut conn, stripe::NAME, &notice).await?;
    drop(conn);
    metrics::counter!("payment_notices_total", "new" => if new { "yes" } else { "no" }).increment(1);
    if new {
        let seeing = Arc::clone(orders);
        orders.running.spawn(async move {
            if let Err(error) = watch::see_to_notices(&seeing).await {
                tracing::warn!(%error, "notices of payments wait");
            }
        });
    }
    Ok(())
}
