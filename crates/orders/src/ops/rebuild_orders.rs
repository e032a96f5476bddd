//! Makes the tables of orders again from the log.

use uuid::Uuid;

use crate::Orders;
use crate::error::Error;
use crate::store;

/// Orders in one look.
const BATCH: i64 = 200;

/// What was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Orders that the log knows.
    pub orders: u64,
    /// Those of them whose rows differed from the log.
    pub differed: u64,
}

/// Makes one order's rows again; tells whether they differed.
pub async fn rebuild_order(orders: &Orders, order_id: Uuid) -> Result<bool, Error> {
    let mut tx = orders.db.begin().await?;
    let differed = store::orders::rebuild(&mut tx, order_id).await?;
    tx.commit().await?;
    Ok(differed)
}

/// Makes the rows of all orders that the log knows again, also of those that have no rows.
pub async fn rebuild_orders(orders: &Orders) -> Result<Rebuilt, Error> {
    let mut after = Uuid::nil();
    let mut rebuilt = Rebuilt::default();
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let batch = store::order_list::logged(&mut conn, after, BATCH).await?;
        drop(conn);
        let Some(last) = batch.last() else { return Ok(rebuilt) };
        after = *last;
        for order_id in batch {
            rebuilt.orders += 1;
            rebuilt.differed += u64::from(rebuild_order(orders, order_id).await?);
        }
    }
}
