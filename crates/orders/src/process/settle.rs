//! Captures, refunds and cancellations: what an order's events say was asked for, done with providers and with stock.
//!
//! The request is an event of the order, committed before the provider is called; so is what became of it. In between
//! the order waits (`pending_since`), and whoever finds it waiting does the step again: providers act once for a step's
//! key, and the second of two outcomes finds the step no longer outstanding.

use std::sync::Arc;
use std::time::Duration;

use events::order::{OrderCancelled, OrderPaid, OrderRefunded};
use kernel::{Context, Money};
use uuid::Uuid;

use super::failpoint::failpoint;
use crate::Orders;
use crate::domain::order::{Order, Payment};
use crate::domain::order_event::{OrderEvent, PaymentRef, PaymentRefused, Reason, RefundFailed};
use crate::domain::order_rules::Outstanding;
use crate::domain::order_state::OrderState;
use crate::error::Error;
use crate::payments::{Instruction, Outcome};
use crate::store;

/// How long settling one order may take.
const BUDGET: Duration = Duration::from_secs(30);
/// Orders that one look for waiting ones takes.
const BATCH: i64 = 32;

/// Does what is outstanding of an order, as far as `mine` says it is the caller's, until nothing is left.
pub(crate) async fn settle(
    orders: &Orders,
    context: &Context,
    order_id: Uuid,
    mine: impl Fn(&Outstanding) -> bool,
) -> Result<(), Error> {
    loop {
        let order = store::orders::find(&mut *orders.db.primary().acquire().await?, order_id).await?;
        let order = order.ok_or(Error::OrderNotFound)?;
        let Some(step) = order.outstanding().into_iter().find(&mine) else { return Ok(()) };
        failpoint("settle.before_step");
        let outcome = perform(orders, context, &order, &step).await?;
        failpoint("settle.after_step");
        let mut tx = orders.db.begin().await?;
        let (order, at) = store::orders::lock(&mut tx, order_id).await?;
        if order.outstanding().contains(&step) {
            store::orders::append(&mut tx, &order, outcome, at).await?;
            tx.commit().await?;
        }
    }
}

/// Settles orders that have waited for longer than a step takes. Gives how many.
pub async fn resume_settling(orders: &Arc<Orders>) -> Result<usize, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let waiting = store::order_list::waiting(&mut conn, orders.settings.lease, BATCH).await?;
    drop(conn);
    for order_id in &waiting {
        let context = Context::system("resume_settling", BUDGET);
        if let Err(error) = settle(orders, &context, *order_id, |_| true).await {
            tracing::warn!(%error, %order_id, "an order could not be settled and will be tried again");
        }
    }
    Ok(waiting.len())
}

/// Does a step; gives the events that say what became of it.
async fn perform(
    orders: &Orders,
    context: &Context,
    order: &Order,
    step: &Outstanding,
) -> Result<Vec<OrderEvent>, Error> {
    let user_id = order.user_id;
    let money = |amount| Money::new(amount, order.currency());
    match step {
        Outstanding::Capture(payment) => {
            let instruction = instruction(order, payment, payment.amount, &format!("{}-capture", payment.id));
            let payment_id = payment.id;
            Ok(match orders.providers.get(&payment.provider)?.capture(context, instruction).await? {
                Outcome::Done => {
                    vec![OrderEvent::Paid(OrderPaid { user_id, payment_id, amount: money(payment.amount) })]
                }
                Outcome::Refused(reason) => {
                    vec![OrderEvent::CaptureFailed(PaymentRefused { payment_id, reason })]
                }
            })
        }
        Outstanding::Refund(payment, refund) => {
            let instruction = instruction(order, payment, refund.amount, &format!("{}-refund", refund.id));
            let (refund_id, payment_id, amount) = (refund.id, payment.id, money(refund.amount));
            Ok(match orders.providers.get(&payment.provider)?.refund(context, instruction).await? {
                Outcome::Done => vec![OrderEvent::Refunded(OrderRefunded { user_id, refund_id, payment_id, amount })],
                Outcome::Refused(reason) => {
                    let failed = OrderEvent::RefundFailed(RefundFailed { refund_id, reason: reason.clone() });
                    std::iter::once(failed).chain(cancel_failed(order, reason)).collect()
                }
            })
        }
        Outstanding::Void(payment) => {
            let instruction = instruction(order, payment, payment.amount, &format!("{}-void", payment.id));
            Ok(match orders.providers.get(&payment.provider)?.void(context, instruction).await? {
                Outcome::Done => vec![OrderEvent::PaymentVoided(PaymentRef { payment_id: payment.id })],
                Outcome::Refused(reason) => cancel_failed(order, reason).into_iter().collect(),
            })
        }
        Outstanding::Release(reason) => {
            orders.products.release(context, order.id).await?;
            Ok(vec![OrderEvent::Cancelled(OrderCancelled { user_id, reason: reason.clone() })])
        }
    }
}

/// An order whose money cannot be given back is not cancelled.
fn cancel_failed(order: &Order, reason: String) -> Option<OrderEvent> {
    (order.state == OrderState::Cancelling).then_some(OrderEvent::CancelFailed(Reason { reason }))
}

fn instruction(order: &Order, payment: &Payment, amount: i64, key: &str) -> Instruction {
    Instruction {
        key: key.to_owned(),
        reference: payment.provider_ref.clone(),
        amount: Money::new(amount, order.currency()),
        order_id: Some(order.id),
    }
}
