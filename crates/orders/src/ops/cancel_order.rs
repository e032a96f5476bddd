//! Undoes an order before anything was sent.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_order::{Change, change_order};
use super::get_order;
use crate::Orders;
use crate::domain::order::Order;
use crate::domain::order_state::OrderState;
use crate::error::Error;
use crate::view::order::OrderView;

/// The reason of a cancellation for which none was given.
const NO_REASON: &str = "cancelled by staff";

/// An order to cancel.
#[derive(Serialize)]
pub struct CancelOrder {
    /// The order.
    pub order_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// Gives the payment back (voids or refunds it), then the stock.
pub async fn cancel_order(orders: &Orders, context: &Context, command: CancelOrder) -> Result<OrderView, Error> {
    let CancelOrder { order_id, seen_version, ref reason } = command;
    let change = Change { operation: "cancel_order", order_id, seen_version, command: &command };
    let decide = |order: &Order, id| order.cancel(reason.as_deref().unwrap_or(NO_REASON), id);
    let over = |order: &Order, _| order.state != OrderState::Cancelling;
    let (order, _) = change_order(orders, context, change, decide, |_, _| true, over).await?;
    if order.state != OrderState::Cancelled {
        return Err(Error::PaymentRefused);
    }
    get_order::show(orders, &order).await
}
