//! Removes carts that nobody came back to.

use crate::Orders;
use crate::error::Error;
use crate::store;

/// Carts in one transaction.
const BATCH: i64 = 500;

/// Removes open carts that nobody has touched for as many days as configured. Gives how many.
pub async fn expire_carts(orders: &Orders) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let batch = store::carts::expire(&mut conn, orders.settings.cart_age, BATCH).await?;
        removed += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}
