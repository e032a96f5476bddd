//! The few of Stripe's objects that matter here, with the few fields that do. What else they hold is passed over.

use std::collections::HashMap;

use serde::Deserialize;

/// A payment, from its preparation to its refunds.
#[derive(Debug, Deserialize)]
pub struct PaymentIntent {
    pub id: String,
    pub status: Status,
    pub amount: i64,
    /// In lower case.
    pub currency: String,
    pub client_secret: Option<String>,
    pub amount_capturable: Option<i64>,
    pub amount_received: Option<i64>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    pub last_payment_error: Option<Problem>,
    /// An id, unless it was asked for whole.
    pub latest_charge: Option<Expandable<Charge>>,
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Canceled,
    /// One that Stripe has added since.
    #[serde(other)]
    Unknown,
}

/// What was taken from a card.
#[derive(Debug, Deserialize)]
pub struct Charge {
    pub amount: i64,
    #[serde(default)]
    pub captured: bool,
    pub amount_captured: Option<i64>,
}

/// What was given back.
#[derive(Debug, Deserialize)]
pub struct Refund {
    pub id: String,
    pub amount: i64,
    pub status: Option<String>,
    pub failure_reason: Option<String>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
}

impl Refund {
    /// Whether the money does not go back after all.
    pub fn failed(&self) -> bool {
        matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// A field that holds an id or the object itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    Whole(T),
    Id(String),
}

/// What is wrong, in an answer and in a payment.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub message: Option<String>,
}

impl Problem {
    /// Stripe's shortest name for it.
    pub fn name(&self) -> String {
        let named = self.decline_code.as_ref().or(self.code.as_ref()).or(self.kind.as_ref());
        named.cloned().unwrap_or_else(|| "unknown".to_owned())
    }
}

/// The body of an answer that says what is wrong.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    #[serde(default)]
    pub error: Problem,
}

/// What Stripe tells of: an event and the object that it is about.
#[derive(Debug, Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub data: EventData,
}

/// See [`Event`].
#[derive(Debug, Deserialize)]
pub struct EventData {
    pub object: EventObject,
}

/// A payment, or a charge or refund of one.
#[derive(Debug, Deserialize)]
pub struct EventObject {
    pub id: Option<String>,
    pub object: Option<String>,
    pub payment_intent: Option<Expandable<Identified>>,
}

/// Any object.
#[derive(Debug, Deserialize)]
pub struct Identified {
    pub id: String,
}

impl EventObject {
    /// The payment that it is about.
    pub fn payment(self) -> Option<String> {
        match self.payment_intent {
            Some(Expandable::Id(id) | Expandable::Whole(Identified { id })) => Some(id),
            None => self.id.filter(|_| self.object.as_deref() == Some("payment_intent")),
        }
    }
}
