//! Makes the tables of orders again from the log.

use uuid::Uuid;

use crate::Orders;
use crate::error::Error;
use crate::store;

/// Orders in one look.
const BATCH: i64 = 200;

/// Makes one order's rows again.
pub async fn rebuild_order(orders: &Orders, order_id: Uuid) -> Result<(), Error> {
    let mut tx = orders.db.begin().await?;
    store::orders::rebuild(&mut tx, order_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Makes the rows of all orders that the log knows again, also of those that have no rows. Gives how many.
pub async fn rebuild_orders(orders: &Orders) -> Result<u64, Error> {
    let mut after = Uuid::nil();
    let mut done = 0;
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let batch = store::order_list::logged(&mut conn, after, BATCH).await?;
        drop(conn);
        let Some(last) = batch.last() else { return Ok(done) };
        after = *last;
        for order_id in batch {
            rebuild_order(orders, order_id).await?;
            done += 1;
        }
    }
}
