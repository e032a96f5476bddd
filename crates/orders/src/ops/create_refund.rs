//! Gives money back.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_order::{Change, change_order};
use super::get_order;
use crate::Orders;
use crate::domain::order::Order;
use crate::domain::order_rules::Outstanding;
use crate::domain::order_state::RefundStep;
use crate::error::Error;
use crate::view::order::OrderView;

/// Money to give back.
#[derive(Serialize)]
pub struct CreateRefund {
    /// The order.
    pub order_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// The payment; none: the one that was captured.
    pub payment_id: Option<Uuid>,
    /// How much, in minor units of the order's currency.
    pub amount: i64,
    /// Why.
    pub reason: Option<String>,
}

/// Gives some of what was paid back. The amount is reserved before the provider is asked, so that refunds at the same
/// time can't exceed what was paid.
pub async fn create_refund(orders: &Orders, context: &Context, command: CreateRefund) -> Result<OrderView, Error> {
    let CreateRefund { order_id, seen_version, payment_id, amount, ref reason } = command;
    let change = Change { operation: "create_refund", order_id, seen_version, command: &command };
    let decide = |order: &Order, id| order.refund(id, payment_id, amount, reason.clone());
    let mine = |step: &Outstanding, id| matches!(step, Outstanding::Refund(_, refund) if refund.id == id);
    let step = |order: &Order, id| order.refund_by_id(id).map(|refund| refund.step);
    let over = |order: &Order, id| step(order, id).is_some_and(|step| step != RefundStep::Pending);
    let (order, id) = change_order(orders, context, change, decide, mine, over).await?;
    if step(&order, id) != Some(RefundStep::Succeeded) {
        return Err(Error::PaymentRefused);
    }
    get_order::show(orders, &order).await
}
