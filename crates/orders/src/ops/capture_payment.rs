//! Takes the money of a payment.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_order::{Change, change_order};
use super::get_order;
use crate::Orders;
use crate::domain::order::Order;
use crate::domain::order_rules::Outstanding;
use crate::domain::order_state::PaymentStep;
use crate::error::Error;
use crate::view::order::OrderView;

/// A payment to capture in full.
#[derive(Serialize)]
pub struct CapturePayment {
    /// The order.
    pub order_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// The payment.
    pub payment_id: Uuid,
}

/// Takes the whole money of an authorised payment.
pub async fn capture_payment(orders: &Orders, context: &Context, command: CapturePayment) -> Result<OrderView, Error> {
    let CapturePayment { order_id, seen_version, payment_id } = command;
    let change = Change { operation: "capture_payment", order_id, seen_version, command: &command };
    let mine = |step: &Outstanding, _| matches!(step, Outstanding::Capture(payment) if payment.id == payment_id);
    let over = |order: &Order, _| order.payment(payment_id).is_ok_and(|p| p.step != PaymentStep::Capturing);
    let (order, _) = change_order(orders, context, change, |order, _| order.capture(payment_id), mine, over).await?;
    if order.payment(payment_id)?.step != PaymentStep::Captured {
        return Err(Error::PaymentRefused);
    }
    get_order::show(orders, &order).await
}
