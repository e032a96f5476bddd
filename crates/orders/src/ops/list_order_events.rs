//! Shows what happened to an order.

use kernel::Context;
use uuid::Uuid;

use super::get_order;
use crate::Orders;
use crate::error::Error;
use crate::store;
use crate::view::timeline::OrderEventView;

/// The events of one of the caller's own orders, oldest first.
pub async fn list_order_events(
    orders: &Orders,
    context: &Context,
    order_id: Uuid,
) -> Result<Vec<OrderEventView>, Error> {
    get_order::own(orders, context, order_id).await?;
    let log = store::orders::log(&mut *orders.db.primary().acquire().await?, order_id).await?;
    Ok((1..).zip(&log).map(|(version, (event, at))| OrderEventView::new(version, event, *at)).collect())
}
