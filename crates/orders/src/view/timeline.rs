//! An order's events as answers show them. What is sealed, and what is between us and a provider, is left out.

use chrono::{DateTime, Utc};
use kernel::Money;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{MoneyView, fields};
use crate::domain::order_event::OrderEvent;

/// Something that happened to an order.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = OrderEvent)]
pub struct OrderEventView {
    /// Its place among the order's events: 1, 2, 3, …
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// What happened, such as `order.placed`.
    #[serde(rename = "type")]
    #[schema(schema_with = fields::event_kind)]
    pub kind: &'static str,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// The money concerned, if any.
    pub amount: Option<MoneyView>,
    /// The payment, refund or fulfilment concerned, if any.
    pub subject_id: Option<Uuid>,
    /// Why, if that was said.
    #[schema(schema_with = fields::reason_or_null)]
    pub reason: Option<String>,
}

impl OrderEventView {
    /// An entry of the log.
    pub fn new(version: i64, event: &OrderEvent, occurred_at: DateTime<Utc>) -> Self {
        let (subject_id, amount, reason) = gist(event);
        Self { version, kind: event.kind(), occurred_at, amount: amount.map(MoneyView::from), subject_id, reason }
    }
}

fn gist(event: &OrderEvent) -> (Option<Uuid>, Option<Money>, Option<String>) {
    match event {
        OrderEvent::Created(e) => (None, Some(Money::new(e.total_amount, e.currency)), None),
        OrderEvent::PaymentAuthorised(e) => (Some(e.payment_id), Some(e.amount), None),
        OrderEvent::Placed(e) => (None, Some(e.total), None),
        OrderEvent::Abandoned(e) | OrderEvent::CancelRequested(e) | OrderEvent::CancelFailed(e) => {
            (None, None, Some(e.reason.clone()))
        }
        OrderEvent::CaptureRequested(e) | OrderEvent::PaymentVoided(e) => (Some(e.payment_id), None, None),
        OrderEvent::Paid(e) => (Some(e.payment_id), Some(e.amount), None),
        OrderEvent::CaptureFailed(e) => (Some(e.payment_id), None, Some(e.reason.clone())),
        OrderEvent::RefundRequested(e) => (Some(e.refund_id), Some(e.amount), e.reason.clone()),
        OrderEvent::Refunded(e) => (Some(e.refund_id), Some(e.amount), None),
        OrderEvent::RefundFailed(e) => (Some(e.refund_id), None, Some(e.reason.clone())),
        OrderEvent::Fulfilled(e) => (Some(e.fulfillment_id), None, None),
        OrderEvent::Cancelled(e) => (None, None, Some(e.reason.clone())),
        OrderEvent::CustomerErased(_) => (None, None, None),
    }
}
