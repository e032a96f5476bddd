//! Periodic work, idempotent and without input.

use std::sync::Arc;
use std::time::Duration;

use runtime::tasks::Tasks;

use crate::Products;

/// How long an expired reservation may hold stock at the most.
const EXPIRY_PERIOD: Duration = Duration::from_secs(15);

/// Starts the role's jobs.
pub fn start(products: &Arc<Products>, tasks: &Tasks) {
    if products.db.has_replica() {
        let (products, stop) = (Arc::clone(products), tasks.shutdown_token());
        tasks.spawn("products.watch_replica", async move {
            products.replica.watch(&products.db, &products.changes, products.shared.as_ref(), stop).await;
            Ok::<_, std::convert::Infallible>(())
        });
    }
    if let Some(shared) = &products.shared {
        shared.level().start(tasks);
        let (products, stop) = (Arc::clone(products), tasks.shutdown_token());
        tasks.spawn("products.hear_events", async move {
            if let Some(shared) = &products.shared {
                shared.follow(&products.db, &stop).await;
            }
            Ok::<_, std::convert::Infallible>(())
        });
    }
    let products = Arc::clone(products);
    tasks.every("products.expire_reservations", EXPIRY_PERIOD, move || {
        let products = Arc::clone(&products);
        async move {
            let count = products.expire_reservations().await?;
            if count > 0 {
                tracing::info!(count, "expired reservations were freed");
            }
            Ok::<_, crate::Error>(())
        }
    });
}
