//! The order as the fold of its events. Nothing else changes an order.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use events::order::LineQuantity;
use kernel::{Country, Currency};
use uuid::Uuid;

use super::order_event::{CreatedLine, LogError, OrderCreated, OrderEvent};
use super::order_state::{FulfillmentState, OrderState, PaymentState, PaymentStep, RefundStep};

/// An order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Its id.
    pub id: Uuid,
    /// How many events it has.
    pub version: i64,
    /// What it was created with.
    pub created: OrderCreated,
    /// Where it stands.
    pub state: OrderState,
    /// The account that it belongs to; none for a guest's and after the customer was erased.
    pub user_id: Option<Uuid>,
    /// E-mail and addresses, sealed, in base64; none after the customer was erased.
    pub contact: Option<String>,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// Money promised and received.
    pub payments: Vec<Payment>,
    /// Money given back.
    pub refunds: Vec<Refund>,
    /// What was sent.
    pub fulfillments: Vec<Fulfillment>,
    /// Why it is or was cancelled or abandoned.
    pub cancel_reason: Option<String>,
    /// When its checkout began.
    pub created_at: DateTime<Utc>,
    /// When its last event was.
    pub updated_at: DateTime<Utc>,
    /// When its checkout succeeded.
    pub placed_at: Option<DateTime<Utc>>,
    /// When it was cancelled or abandoned.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// Since when something has been under way with a provider.
    pub pending_since: Option<DateTime<Utc>>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// What was bought at which price.
    pub bought: CreatedLine,
    /// How many were sent.
    pub fulfilled: i64,
    /// When that last changed.
    pub updated_at: DateTime<Utc>,
}

/// Money promised or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment.
    pub id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's name for it.
    pub provider_ref: String,
    /// Where it stands.
    pub step: PaymentStep,
    /// What was promised.
    pub amount: i64,
    /// What was received.
    pub captured: i64,
    /// What went back or is on its way back.
    pub refunded: i64,
    /// When it was promised.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Money given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The refund.
    pub id: Uuid,
    /// The payment that it comes from.
    pub payment_id: Uuid,
    /// Where it stands.
    pub step: RefundStep,
    /// How much.
    pub amount: i64,
    /// How much of it is tax.
    pub tax_amount: i64,
    /// Why, as staff put it.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Goods that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fulfillment {
    /// The fulfilment.
    pub id: Uuid,
    /// What was sent.
    pub lines: Vec<LineQuantity>,
    /// Who carries it.
    pub tracking_company: Option<String>,
    /// The carrier's number for it.
    pub tracking_number: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Order {
    /// The order that begins with this event.
    pub fn open(id: Uuid, created: OrderCreated, at: DateTime<Utc>) -> Self {
        let line = |bought: &CreatedLine| OrderLine { bought: bought.clone(), fulfilled: 0, updated_at: at };
        Self {
            id,
            version: 1,
            state: OrderState::Pending,
            user_id: created.user_id,
            contact: created.contact.clone(),
            lines: created.lines.iter().map(line).collect(),
            created,
            payments: Vec::new(),
            refunds: Vec::new(),
            fulfillments: Vec::new(),
            cancel_reason: None,
            created_at: at,
            updated_at: at,
            placed_at: None,
            cancelled_at: None,
            pending_since: None,
        }
    }

    /// Folds a log, oldest first, until `enough` says so or it ends.
    pub fn fold(
        id: Uuid,
        log: impl IntoIterator<Item = (OrderEvent, DateTime<Utc>)>,
        enough: impl Fn(&Order) -> bool,
    ) -> Result<Self, LogError> {
        let mut log = log.into_iter();
        let Some((OrderEvent::Created(created), at)) = log.next() else { return Err(LogError::Empty) };
        let mut order = Self::open(id, *created, at);
        for (event, at) in log {
            if enough(&order) {
                break;
            }
            order.apply(&event, at)?;
        }
        Ok(order)
    }

    /// Takes an event in: the one way in which an order changes.
    pub fn apply(&mut self, event: &OrderEvent, at: DateTime<Utc>) -> Result<(), LogError> {
        let version = self.version;
        let misfit = |why| LogError::Misfit { kind: event.kind(), version, why };
        match event {
            OrderEvent::Created(_) => return Err(misfit("it is there already")),
            OrderEvent::Placed(_) => {
                self.state = OrderState::Placed;
                self.placed_at = Some(at);
            }
            OrderEvent::Abandoned(abandoned) => self.end(&abandoned.reason, at),
            OrderEvent::CancelRequested(requested) => {
                self.state = OrderState::Cancelling;
                self.cancel_reason = Some(requested.reason.clone());
            }
            OrderEvent::CancelFailed(_) => {
                self.state = OrderState::Placed;
                self.cancel_reason = None;
            }
            OrderEvent::Cancelled(cancelled) => self.end(&cancelled.reason, at),
            OrderEvent::Fulfilled(fulfilled) => self.fulfill(fulfilled, at).ok_or_else(|| misfit("no such line"))?,
            OrderEvent::CustomerErased(_) => {
                self.user_id = None;
                self.contact = None;
            }
            event => self.apply_money(event, at).ok_or_else(|| misfit("no such payment or refund"))?,
        }
        self.version += 1;
        self.updated_at = at;
        self.pending_since = self.is_pending().then(|| self.pending_since.unwrap_or(at));
        Ok(())
    }

    /// Whether something is under way with a provider or with stock.
    pub fn is_pending(&self) -> bool {
        self.state == OrderState::Cancelling
            || self.payments.iter().any(|payment| payment.step == PaymentStep::Capturing)
            || self.refunds.iter().any(|refund| refund.step == RefundStep::Pending)
    }

    /// How far it is paid.
    pub fn payment_state(&self) -> PaymentState {
        let captured: i64 = self.payments.iter().map(|payment| payment.captured).sum();
        let returned: i64 =
            self.refunds.iter().filter(|r| r.step == RefundStep::Succeeded).map(|refund| refund.amount).sum();
        let any = |step| self.payments.iter().any(|payment| payment.step == step);
        match () {
            () if captured > 0 && returned >= captured => PaymentState::Refunded,
            () if captured > 0 && returned > 0 => PaymentState::PartiallyRefunded,
            () if any(PaymentStep::Captured) => PaymentState::Paid,
            () if any(PaymentStep::Authorised) || any(PaymentStep::Capturing) => PaymentState::Authorised,
            () if any(PaymentStep::Voided) => PaymentState::Voided,
            () => PaymentState::None,
        }
    }

    /// How far it is sent.
    pub fn fulfillment_state(&self) -> FulfillmentState {
        if self.lines.iter().all(|line| line.fulfilled == line.bought.quantity) {
            FulfillmentState::Fulfilled
        } else if self.lines.iter().any(|line| line.fulfilled > 0) {
            FulfillmentState::PartiallyFulfilled
        } else {
            FulfillmentState::Unfulfilled
        }
    }

    /// What amounts are in.
    pub fn currency(&self) -> Currency {
        self.created.currency
    }

    /// Where goods go.
    pub fn country(&self) -> Country {
        self.created.country
    }

    fn end(&mut self, reason: &str, at: DateTime<Utc>) {
        self.state = OrderState::Cancelled;
        self.cancel_reason = Some(reason.to_owned());
        self.cancelled_at = Some(at);
    }

    fn fulfill(&mut self, event: &events::order::OrderFulfilled, at: DateTime<Utc>) -> Option<()> {
        let mut lines: HashMap<Uuid, &mut OrderLine> =
            self.lines.iter_mut().map(|line| (line.bought.id, line)).collect();
        for sent in &event.lines {
            let line = lines.get_mut(&sent.line_id)?;
            line.fulfilled += sent.quantity;
            line.updated_at = at;
        }
        self.fulfillments.push(Fulfillment {
            id: event.fulfillment_id,
            lines: event.lines.clone(),
            tracking_company: event.tracking_company.clone(),
            tracking_number: event.tracking_number.clone(),
            created_at: at,
        });
        if self.fulfillment_state() == FulfillmentState::Fulfilled {
            self.state = OrderState::Fulfilled;
        }
        Some(())
    }

    fn apply_money(&mut self, event: &OrderEvent, at: DateTime<Utc>) -> Option<()> {
        match event {
            OrderEvent::PaymentAuthorised(authorised) => self.payments.push(Payment {
                id: authorised.payment_id,
                provider: authorised.provider.clone(),
                provider_ref: authorised.provider_ref.clone(),
                step: PaymentStep::Authorised,
                amount: authorised.amount.amount,
                captured: 0,
                refunded: 0,
                created_at: at,
                updated_at: at,
            }),
            OrderEvent::CaptureRequested(of) => self.payment_to(of.payment_id, PaymentStep::Capturing, at).map(drop)?,
            OrderEvent::CaptureFailed(of) => self.payment_to(of.payment_id, PaymentStep::Authorised, at).map(drop)?,
            OrderEvent::PaymentVoided(of) => self.payment_to(of.payment_id, PaymentStep::Voided, at).map(drop)?,
            OrderEvent::Paid(paid) => {
                self.payment_to(paid.payment_id, PaymentStep::Captured, at)?.captured = paid.amount.amount;
            }
            OrderEvent::RefundRequested(asked) => {
                let payment = self.payment_mut(asked.payment_id, at)?;
                payment.refunded += asked.amount.amount;
                self.refunds.push(Refund {
                    id: asked.refund_id,
                    payment_id: asked.payment_id,
                    step: RefundStep::Pending,
                    amount: asked.amount.amount,
                    tax_amount: asked.tax_amount,
                    reason: asked.reason.clone(),
                    created_at: at,
                    updated_at: at,
                });
            }
            OrderEvent::Refunded(refunded) => {
                self.refund_to(refunded.refund_id, RefundStep::Succeeded, at).map(drop)?;
            }
            OrderEvent::RefundFailed(failed) => {
                let refund = self.refund_to(failed.refund_id, RefundStep::Failed, at)?;
                let (payment_id, amount) = (refund.payment_id, refund.amount);
                self.payment_mut(payment_id, at)?.refunded -= amount;
            }
            _ => return None,
        }
        Some(())
    }

    fn payment_mut(&mut self, id: Uuid, at: DateTime<Utc>) -> Option<&mut Payment> {
        let payment = self.payments.iter_mut().find(|payment| payment.id == id)?;
        payment.updated_at = at;
        Some(payment)
    }

    fn payment_to(&mut self, id: Uuid, step: PaymentStep, at: DateTime<Utc>) -> Option<&mut Payment> {
        let payment = self.payment_mut(id, at)?;
        payment.step = step;
        Some(payment)
    }

    fn refund_to(&mut self, id: Uuid, step: RefundStep, at: DateTime<Utc>) -> Option<&mut Refund> {
        let refund = self.refunds.iter_mut().find(|refund| refund.id == id)?;
        refund.step = step;
        refund.updated_at = at;
        Some(refund)
    }
}
