//! Shows what waits.

use metrics::gauge;

use crate::Webhooks;
use crate::error::Error;
use crate::store;

/// Rows are counted up to here: a count of a long queue would slow it down more.
const COUNTED: i64 = 100_000;

/// Sets the gauges of what waits for endpoints.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
pub(crate) async fn measure(webhooks: &Webhooks) -> Result<(), Error> {
    let figures = store::health::figures(&mut *webhooks.db.primary().acquire().await?, COUNTED).await?;
    let oldest = figures.oldest.map_or(0, |oldest| (webhooks.clock.now() - oldest).num_seconds().max(0));
    gauge!("webhook_deliveries_pending").set(figures.pending as f64);
    gauge!("webhook_deliveries_parked").set(figures.parked as f64);
    gauge!("webhook_deliveries_oldest_seconds").set(oldest as f64);
    gauge!("webhook_endpoints_disabled").set(figures.disabled as f64);
    Ok(())
}
