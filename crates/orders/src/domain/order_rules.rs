//! What may be done to an order, as the events that say so, and what is left to do.

use events::order::{LineQuantity, OrderFulfilled};
use kernel::Money;
use uuid::Uuid;

use super::order::{Order, Payment, Refund};
use super::order_event::{OrderEvent, PaymentRef, Reason, RefundRequested};
use super::order_state::{FulfillmentState, OrderState, PaymentStep, RefundStep};
use super::pricing;
use crate::error::Error;

/// Work with a provider or with stock that an order waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outstanding {
    /// Take the money of a payment.
    Capture(Payment),
    /// Give back the promise of a payment.
    Void(Payment),
    /// Give money back.
    Refund(Payment, Refund),
    /// Give the stock back and end the order for this reason.
    Release(String),
}

impl Order {
    /// What is left to do with providers and with stock. A cancellation waits until nothing else is under way.
    pub fn outstanding(&self) -> Vec<Outstanding> {
        let at = |step| self.payments.iter().filter(move |payment| payment.step == step).cloned();
        let pending = self.refunds.iter().filter(|refund| refund.step == RefundStep::Pending);
        let refund = |refund: &Refund| {
            let payment = self.payments.iter().find(|payment| payment.id == refund.payment_id)?;
            Some(Outstanding::Refund(payment.clone(), refund.clone()))
        };
        let mut left: Vec<_> = at(PaymentStep::Capturing).map(Outstanding::Capture).collect();
        left.extend(pending.filter_map(refund));
        if left.is_empty() && self.state == OrderState::Cancelling {
            left.extend(at(PaymentStep::Authorised).map(Outstanding::Void));
            if left.is_empty() {
                left.push(Outstanding::Release(self.cancel_reason.clone().unwrap_or_default()));
            }
        }
        left
    }

    /// Takes the money of a payment.
    pub fn capture(&self, payment_id: Uuid) -> Result<Vec<OrderEvent>, Error> {
        let payment = self.payment(payment_id)?;
        self.standing()?;
        match payment.step {
            PaymentStep::Authorised => Ok(vec![OrderEvent::CaptureRequested(PaymentRef { payment_id })]),
            PaymentStep::Capturing => Err(Error::OrderBusy),
            PaymentStep::Captured => Err(Error::AlreadyCaptured),
            PaymentStep::Voided => Err(Error::OrderState("The payment was voided")),
        }
    }

    /// Gives some of a payment back. Without `payment_id`: of the one payment that was captured.
    pub fn refund(
        &self,
        refund_id: Uuid,
        payment_id: Option<Uuid>,
        amount: i64,
        reason: Option<String>,
    ) -> Result<Vec<OrderEvent>, Error> {
        let payment = match payment_id {
            Some(id) => self.payment(id)?,
            None => self.captured_payment().ok_or(Error::NotCaptured)?,
        };
        self.standing()?;
        if payment.step != PaymentStep::Captured {
            return Err(Error::NotCaptured);
        }
        let left = payment.captured - payment.refunded;
        if amount > left {
            return Err(Error::RefundTooLarge(Money::new(left, self.currency())));
        }
        Ok(vec![self.refund_event(refund_id, payment, amount, reason)])
    }

    /// Sends units of lines. Without lines: all that is left.
    pub fn fulfill_with(
        &self,
        fulfillment_id: Uuid,
        lines: Option<Vec<LineQuantity>>,
        tracking_company: Option<String>,
        tracking_number: Option<String>,
    ) -> Result<Vec<OrderEvent>, Error> {
        if self.state == OrderState::Fulfilled {
            return Err(Error::OrderState("Everything has been sent"));
        }
        self.standing()?;
        let rest = || self.lines.iter().map(|line| (line.bought.id, line.bought.quantity - line.fulfilled));
        let Some(wanted) = lines else {
            let lines =
                rest().filter(|(_, left)| *left > 0).map(|(line_id, quantity)| LineQuantity { line_id, quantity });
            let lines = lines.collect();
            return Ok(vec![self.fulfilled(fulfillment_id, lines, tracking_company, tracking_number)]);
        };
        let mut lines: Vec<LineQuantity> = Vec::with_capacity(wanted.len());
        for (at, line) in wanted.into_iter().enumerate() {
            let left = rest().find(|(id, _)| *id == line.line_id).ok_or(Error::LineNotFound)?.1;
            let before = lines.iter().position(|summed| summed.line_id == line.line_id);
            let quantity = line.quantity + before.map_or(0, |at| lines[at].quantity);
            if quantity > left {
                return Err(Error::FulfillmentTooLarge { at, left });
            }
            match before {
                Some(before) => lines[before].quantity = quantity,
                None => lines.push(line),
            }
        }
        Ok(vec![self.fulfilled(fulfillment_id, lines, tracking_company, tracking_number)])
    }

    /// Undoes the order before anything was sent. What was captured goes back as the refund `refund_id`.
    pub fn cancel(&self, reason: &str, refund_id: Uuid) -> Result<Vec<OrderEvent>, Error> {
        if self.fulfillment_state() != FulfillmentState::Unfulfilled {
            return Err(Error::OrderState("Goods have been sent; refund instead"));
        }
        self.standing()?;
        if self.is_pending() {
            return Err(Error::OrderBusy);
        }
        let mut events = vec![OrderEvent::CancelRequested(Reason { reason: reason.to_owned() })];
        if let Some(payment) = self.captured_payment() {
            let left = payment.captured - payment.refunded;
            if left > 0 {
                events.push(self.refund_event(refund_id, payment, left, None));
            }
        }
        Ok(events)
    }

    /// A refund by its id.
    pub fn refund_by_id(&self, id: Uuid) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// A payment by its id.
    pub fn payment(&self, id: Uuid) -> Result<&Payment, Error> {
        self.payments.iter().find(|payment| payment.id == id).ok_or(Error::PaymentNotFound)
    }

    fn captured_payment(&self) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.step == PaymentStep::Captured)
    }

    /// Whether the order is to be carried out or was.
    fn standing(&self) -> Result<(), Error> {
        match self.state {
            OrderState::Placed | OrderState::Fulfilled => Ok(()),
            OrderState::Pending => Err(Error::OrderState("The order is not placed yet")),
            OrderState::Cancelling => Err(Error::OrderBusy),
            OrderState::Cancelled => Err(Error::OrderState("The order is cancelled")),
        }
    }

    /// The tax in a refund: what all refunds with it make of the order's tax, less what those before it had. So the
    /// taxes of refunds that give everything back add up to the order's tax.
    fn refund_event(&self, refund_id: Uuid, payment: &Payment, amount: i64, reason: Option<String>) -> OrderEvent {
        let taxed = |returned: i64| pricing::split(returned, &[self.created.tax_amount, self.untaxed()])[0];
        let tax_amount = taxed(payment.refunded + amount) - taxed(payment.refunded);
        let amount = Money::new(amount, self.currency());
        OrderEvent::RefundRequested(RefundRequested { refund_id, payment_id: payment.id, amount, tax_amount, reason })
    }

    fn untaxed(&self) -> i64 {
        self.created.total_amount - self.created.tax_amount
    }

    fn fulfilled(
        &self,
        fulfillment_id: Uuid,
        lines: Vec<LineQuantity>,
        tracking_company: Option<String>,
        tracking_number: Option<String>,
    ) -> OrderEvent {
        let user_id = self.user_id;
        OrderEvent::Fulfilled(OrderFulfilled { user_id, fulfillment_id, lines, tracking_company, tracking_number })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use events::order::{OrderCancelled, OrderPaid, OrderPlaced, OrderRefunded};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::order_event::{CreatedLine, OrderCreated, PaymentAuthorised, PaymentRefused, RefundFailed};

    /// What staff tries, and what the provider says to it.
    #[derive(Clone, Debug)]
    enum Try {
        Capture,
        Refund(i64),
        Fulfill(usize, i64),
        Cancel,
        Settle(bool),
    }

    fn tries() -> impl Strategy<Value = Vec<Try>> {
        let one = prop_oneof![
            Just(Try::Capture),
            (1_i64..2_000).prop_map(Try::Refund),
            (0_usize..2, 1_i64..4).prop_map(|(line, quantity)| Try::Fulfill(line, quantity)),
            Just(Try::Cancel),
            any::<bool>().prop_map(Try::Settle),
        ];
        proptest::collection::vec(one, 0..40)
    }

    fn created() -> OrderCreated {
        let line = |quantity| CreatedLine {
            id: Uuid::new_v4(),
            variant_id: Uuid::new_v4(),
            product_id: Uuid::new_v4(),
            sku: String::new(),
            product_handle: String::new(),
            product_name: String::new(),
            variant_name: String::new(),
            quantity,
            unit_amount: 500,
            amount: 500 * quantity,
            tax_amount: 80 * quantity,
        };
        OrderCreated {
            number: 1,
            cart_id: Uuid::new_v4(),
            user_id: None,
            subject: Uuid::new_v4(),
            contact: None,
            currency: "EUR".parse().unwrap(),
            country: "DE".parse().unwrap(),
            prices_include_tax: true,
            tax_name: "MwSt".into(),
            tax_rate_bp: 1900,
            lines: vec![line(2), line(3)],
            shipping_option: "standard".into(),
            shipping_name: "Standard".into(),
            shipping_amount: 490,
            shipping_tax_amount: 78,
            items_amount: 2_500,
            tax_amount: 478,
            total_amount: 2_990,
        }
    }

    fn placed() -> Order {
        let created = created();
        let total = Money::new(created.total_amount, created.currency);
        let payment = PaymentAuthorised {
            payment_id: Uuid::new_v4(),
            provider: "p".into(),
            provider_ref: "r".into(),
            amount: total,
        };
        let placed = OrderPlaced { number: 1, user_id: None, lines: Vec::new(), total };
        let log = [
            OrderEvent::Created(Box::new(created)),
            OrderEvent::PaymentAuthorised(payment),
            OrderEvent::Placed(placed),
        ];
        Order::fold(Uuid::new_v4(), log.map(|event| (event, DateTime::UNIX_EPOCH)), |_| false).unwrap()
    }

    fn attempt(order: &Order, attempt: &Try) -> Vec<OrderEvent> {
        let decided = match attempt {
            Try::Capture => order.capture(order.payments[0].id),
            Try::Refund(amount) => order.refund(Uuid::new_v4(), None, *amount, None),
            Try::Fulfill(line, quantity) => {
                let line = LineQuantity { line_id: order.lines[*line].bought.id, quantity: *quantity };
                order.fulfill_with(Uuid::new_v4(), Some(vec![line]), None, None)
            }
            Try::Cancel => order.cancel("asked for", Uuid::new_v4()),
            Try::Settle(agrees) => Ok(settled(order, *agrees)),
        };
        decided.unwrap_or_default()
    }

    fn settled(order: &Order, agrees: bool) -> Vec<OrderEvent> {
        let money = |amount| Money::new(amount, order.currency());
        let refused = || "no".to_owned();
        let failed = || {
            let cancelling = order.state == OrderState::Cancelling;
            cancelling.then(|| OrderEvent::CancelFailed(Reason { reason: refused() }))
        };
        match order.outstanding().first() {
            None => Vec::new(),
            Some(Outstanding::Capture(p)) if agrees => {
                vec![OrderEvent::Paid(OrderPaid { user_id: None, payment_id: p.id, amount: money(p.amount) })]
            }
            Some(Outstanding::Capture(p)) => {
                vec![OrderEvent::CaptureFailed(PaymentRefused { payment_id: p.id, reason: refused() })]
            }
            Some(Outstanding::Refund(p, r)) if agrees => {
                let (refund_id, payment_id) = (r.id, p.id);
                vec![OrderEvent::Refunded(OrderRefunded {
                    user_id: None,
                    refund_id,
                    payment_id,
                    amount: money(r.amount),
                })]
            }
            Some(Outstanding::Refund(_, r)) => {
                let event = OrderEvent::RefundFailed(RefundFailed { refund_id: r.id, reason: refused() });
                std::iter::once(event).chain(failed()).collect()
            }
            Some(Outstanding::Void(p)) if agrees => vec![OrderEvent::PaymentVoided(PaymentRef { payment_id: p.id })],
            Some(Outstanding::Void(_)) => failed().into_iter().collect(),
            Some(Outstanding::Release(reason)) => {
                vec![OrderEvent::Cancelled(OrderCancelled { user_id: None, reason: reason.clone() })]
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_staff_tries_the_books_stay_right(tries in tries()) {
            let mut order = placed();
            for next in &tries {
                for event in attempt(&order, next) {
                    order.apply(&event, DateTime::UNIX_EPOCH).unwrap();
                }
                let payment = &order.payments[0];
                prop_assert!(payment.refunded <= payment.captured && payment.captured <= payment.amount);
                let reserved = order.refunds.iter().filter(|r| r.step != RefundStep::Failed);
                prop_assert_eq!(payment.refunded, reserved.map(|r| r.amount).sum::<i64>());
                prop_assert!(order.lines.iter().all(|line| (0..=line.bought.quantity).contains(&line.fulfilled)));
                prop_assert!(order.refunds.iter().all(|r| (0..=r.amount).contains(&r.tax_amount)));
                prop_assert_eq!(order.pending_since.is_some(), !order.outstanding().is_empty());
                if order.state == OrderState::Cancelled {
                    prop_assert!(payment.captured == payment.refunded && payment.step != PaymentStep::Authorised);
                    prop_assert_eq!(order.fulfillment_state(), FulfillmentState::Unfulfilled);
                }
                if payment.captured > 0 && payment.refunded == payment.captured && order.refunds.iter().all(|r| r.step != RefundStep::Failed) {
                    let taxes: i64 = order.refunds.iter().map(|r| r.tax_amount).sum();
                    prop_assert_eq!(taxes, order.created.tax_amount);
                }
            }
        }
    }
}
