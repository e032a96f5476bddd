//! Compares an order's payment with the provider's books, and takes over what staff did there instead of here: a capture,
//! refunds. What can't be taken over is told, and stays until it is settled.

use kernel::{Context, Money};
use uuid::Uuid;

use super::settle::settle;
use crate::Orders;
use crate::domain::order::{Order, Payment};
use crate::domain::order_event::OrderEvent;
use crate::domain::order_state::{PaymentStep, RefundStep};
use crate::error::Error;
use crate::payments::{Seen, SeenRefund, Standing};
use crate::store;

/// The reason given for refunds that were made at the provider.
const AT_PROVIDER: &str = "Refunded at the payment provider";

/// See the module. Gives what still differs.
pub(super) async fn mend(
    orders: &Orders,
    context: &Context,
    order_id: Uuid,
    payment_id: Uuid,
) -> Result<Option<String>, Error> {
    let order = find(orders, order_id).await?;
    let payment = order.payment(payment_id)?;
    let provider = orders.providers.get(&payment.provider)?;
    let Some(seen) = provider.look(context, &payment.provider_ref, order.currency()).await? else {
        return Ok(Some("the provider does not know the payment".to_owned()));
    };
    if captured_elsewhere(payment, &seen) {
        capture(orders, context, order_id, payment_id).await?;
    }
    for refund in seen.refunds.iter().filter(|refund| refund.key.is_none()) {
        take_over(orders, order_id, payment_id, refund).await?;
    }
    let order = find(orders, order_id).await?;
    Ok(difference(&order, order.payment(payment_id)?, &seen))
}

async fn find(orders: &Orders, order_id: Uuid) -> Result<Order, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    store::orders::find(&mut conn, order_id).await?.ok_or(Error::OrderNotFound)
}

fn captured_elsewhere(payment: &Payment, seen: &Seen) -> bool {
    payment.step == PaymentStep::Authorised && seen.standing == Standing::Taken && seen.captured == payment.amount
}

/// Captures as staff would: the provider says that it is done already.
async fn capture(orders: &Orders, context: &Context, order_id: Uuid, payment_id: Uuid) -> Result<(), Error> {
    let mut tx = orders.db.begin().await?;
    let (order, at) = store::orders::lock(&mut tx, order_id).await?;
    match order.capture(payment_id) {
        Ok(requested) => {
            store::orders::append(&mut tx, &order, requested, at).await?;
            tx.commit().await?;
            settle(orders, context, order_id, |_| true).await
        }
        // Another was first, or the order does not allow it: the comparison tells.
        Err(_) => Ok(()),
    }
}

/// Writes a refund down that was made at the provider. Its id is made of the provider's, so that it is written once.
async fn take_over(orders: &Orders, order_id: Uuid, payment_id: Uuid, refund: &SeenRefund) -> Result<(), Error> {
    let digest = crypto::sha256(format!("refund {}", refund.reference).as_bytes());
    let refund_id = uuid::Builder::from_random_bytes(std::array::from_fn(|at| digest[at])).into_uuid();
    let mut tx = orders.db.begin().await?;
    let (order, at) = store::orders::lock(&mut tx, order_id).await?;
    if order.refund_by_id(refund_id).is_some() {
        return Ok(());
    }
    // What the order does not allow, such as more than was paid, the comparison tells.
    let Ok(mut events) = order.refund(refund_id, Some(payment_id), refund.amount, Some(AT_PROVIDER.to_owned())) else {
        return Ok(());
    };
    let amount = Money::new(refund.amount, order.currency());
    events.push(OrderEvent::Refunded(events::order::OrderRefunded {
        user_id: order.user_id,
        refund_id,
        payment_id,
        amount,
    }));
    store::orders::append(&mut tx, &order, events, at).await?;
    tx.commit().await?;
    metrics::counter!("payments_mended_total").increment(1);
    Ok(())
}

/// In what our books differ from the provider's, unless something is under way.
fn difference(order: &Order, payment: &Payment, seen: &Seen) -> Option<String> {
    if order.is_pending() {
        return None;
    }
    let ours = order.refunds.iter().filter(|r| r.payment_id == payment.id && r.step == RefundStep::Succeeded);
    let ours: i64 = ours.map(|refund| refund.amount).sum();
    let theirs: i64 = seen.refunds.iter().map(|refund| refund.amount).sum();
    match (payment.step, seen.standing) {
        (PaymentStep::Authorised, Standing::Promised) | (PaymentStep::Voided, Standing::Void) => None,
        (PaymentStep::Captured, Standing::Taken) if seen.captured != payment.captured => {
            Some(format!("captured {} here, {} at the provider", payment.captured, seen.captured))
        }
        (PaymentStep::Captured, Standing::Taken) if ours == theirs => None,
        (PaymentStep::Captured, Standing::Taken) => Some(format!("refunded {ours} here, {theirs} at the provider")),
        (here, there) => Some(format!("{} here, {there:?} at the provider", here.as_str())),
    }
}
