//! What can happen to an order. Public kinds have their payloads in `events::order`; the others stay within this role.

use events::order::{OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced, OrderRefunded};
use kernel::{Country, Currency, Money};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

/// One entry of an order's log.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderEvent {
    /// A checkout began: what is bought, at which prices, by whom.
    Created(Box<OrderCreated>),
    /// A provider promised the money.
    PaymentAuthorised(PaymentAuthorised),
    /// The checkout succeeded.
    Placed(OrderPlaced),
    /// The checkout failed; the order never was one.
    Abandoned(Reason),
    /// The provider is being asked for the money.
    CaptureRequested(PaymentRef),
    /// The money is ours.
    Paid(OrderPaid),
    /// The provider refused to give it.
    CaptureFailed(PaymentRefused),
    /// Money is on its way back; the amount is reserved.
    RefundRequested(RefundRequested),
    /// Money went back.
    Refunded(OrderRefunded),
    /// The provider refused to give it back.
    RefundFailed(RefundFailed),
    /// Goods left.
    Fulfilled(OrderFulfilled),
    /// Payment and stock are being undone.
    CancelRequested(Reason),
    /// A promise of money was given back.
    PaymentVoided(PaymentRef),
    /// The payment could not be undone; the order stands.
    CancelFailed(Reason),
    /// Payment and stock are undone.
    Cancelled(OrderCancelled),
    /// The customer was erased.
    CustomerErased(Empty),
}

/// See [`OrderEvent::Created`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// The number that people use.
    pub number: i64,
    /// The cart that it comes from.
    pub cart_id: Uuid,
    /// The account, unless a guest buys.
    pub user_id: Option<Uuid>,
    /// Under whose data key the contact is sealed.
    pub subject: Uuid,
    /// E-mail and addresses, sealed, in base64.
    pub contact: Option<String>,
    /// What amounts are in.
    pub currency: Currency,
    /// Where goods go.
    pub country: Country,
    /// Whether prices have the tax in them.
    pub prices_include_tax: bool,
    /// What the tax is called.
    pub tax_name: String,
    /// Its rate in hundredths of a percent.
    pub tax_rate_bp: i64,
    /// What is bought.
    pub lines: Vec<CreatedLine>,
    /// The way of shipping.
    pub shipping_option: String,
    /// What it is called.
    pub shipping_name: String,
    /// Its price.
    pub shipping_amount: i64,
    /// The tax on it.
    pub shipping_tax_amount: i64,
    /// Sum of the lines.
    pub items_amount: i64,
    /// All tax.
    pub tax_amount: i64,
    /// What is charged.
    pub total_amount: i64,
}

/// A line as it is bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedLine {
    /// The line.
    pub id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// Stock keeping unit.
    pub sku: String,
    /// The product's handle.
    pub product_handle: String,
    /// The product's name.
    pub product_name: String,
    /// The variant's name.
    pub variant_name: String,
    /// How many.
    pub quantity: i64,
    /// Price of one.
    pub unit_amount: i64,
    /// Price of all.
    pub amount: i64,
    /// Tax in it or on it.
    pub tax_amount: i64,
}

/// See [`OrderEvent::PaymentAuthorised`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorised {
    /// The payment.
    pub payment_id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's name for it.
    pub provider_ref: String,
    /// What was promised.
    pub amount: Money,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRef {
    /// The payment.
    pub payment_id: Uuid,
}

/// See [`OrderEvent::CaptureFailed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefused {
    /// The payment.
    pub payment_id: Uuid,
    /// The provider's code.
    pub reason: String,
}

/// See [`OrderEvent::RefundRequested`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The refund.
    pub refund_id: Uuid,
    /// The payment that it comes from.
    pub payment_id: Uuid,
    /// How much.
    pub amount: Money,
    /// How much of it is tax.
    pub tax_amount: i64,
    /// Why, as staff put it.
    pub reason: Option<String>,
}

/// See [`OrderEvent::RefundFailed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundFailed {
    /// The refund.
    pub refund_id: Uuid,
    /// The provider's code.
    pub reason: String,
}

/// Why something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A code.
    pub reason: String,
}

/// Nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// An entry of the log that cannot be what it says.
#[derive(Debug, Error)]
pub enum LogError {
    /// No such kind.
    #[error("unknown kind `{0}`")]
    UnknownKind(String),
    /// The payload doesn't fit.
    #[error("payload of `{kind}`: {cause}")]
    Payload {
        /// The kind.
        kind: String,
        /// What is wrong.
        cause: serde_json::Error,
    },
    /// The event doesn't fit the order as it was before.
    #[error("`{kind}` doesn't fit the order at version {version}: {why}")]
    Misfit {
        /// The kind.
        kind: &'static str,
        /// The order's version before it.
        version: i64,
        /// What is wrong.
        why: &'static str,
    },
    /// There are no events.
    #[error("the log is empty")]
    Empty,
}

impl OrderEvent {
    /// Its name in the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created(_) => "order.created",
            Self::PaymentAuthorised(_) => "order.payment_authorised",
            Self::Placed(_) => OrderPlaced::KIND,
            Self::Abandoned(_) => "order.abandoned",
            Self::CaptureRequested(_) => "order.capture_requested",
            Self::Paid(_) => OrderPaid::KIND,
            Self::CaptureFailed(_) => "order.capture_failed",
            Self::RefundRequested(_) => "order.refund_requested",
            Self::Refunded(_) => OrderRefunded::KIND,
            Self::RefundFailed(_) => "order.refund_failed",
            Self::Fulfilled(_) => OrderFulfilled::KIND,
            Self::CancelRequested(_) => "order.cancel_requested",
            Self::PaymentVoided(_) => "order.payment_voided",
            Self::CancelFailed(_) => "order.cancel_failed",
            Self::Cancelled(_) => OrderCancelled::KIND,
            Self::CustomerErased(_) => "order.customer_erased",
        }
    }

    /// Its payload for the log.
    pub fn data(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::Created(data) => serde_json::to_value(data),
            Self::PaymentAuthorised(data) => serde_json::to_value(data),
            Self::Placed(data) => serde_json::to_value(data),
            Self::Abandoned(data) | Self::CancelRequested(data) | Self::CancelFailed(data) => {
                serde_json::to_value(data)
            }
            Self::CaptureRequested(data) | Self::PaymentVoided(data) => serde_json::to_value(data),
            Self::Paid(data) => serde_json::to_value(data),
            Self::CaptureFailed(data) => serde_json::to_value(data),
            Self::RefundRequested(data) => serde_json::to_value(data),
            Self::Refunded(data) => serde_json::to_value(data),
            Self::RefundFailed(data) => serde_json::to_value(data),
            Self::Fulfilled(data) => serde_json::to_value(data),
            Self::Cancelled(data) => serde_json::to_value(data),
            Self::CustomerErased(data) => serde_json::to_value(data),
        }
    }

    /// Reads an entry of the log.
    pub fn read(kind: &str, data: &Value) -> Result<Self, LogError> {
        fn payload<T: DeserializeOwned>(kind: &str, data: &Value) -> Result<T, LogError> {
            T::deserialize(data).map_err(|cause| LogError::Payload { kind: kind.to_owned(), cause })
        }
        Ok(match kind {
            "order.created" => Self::Created(payload(kind, data)?),
            "order.payment_authorised" => Self::PaymentAuthorised(payload(kind, data)?),
            OrderPlaced::KIND => Self::Placed(payload(kind, data)?),
            "order.abandoned" => Self::Abandoned(payload(kind, data)?),
            "order.capture_requested" => Self::CaptureRequested(payload(kind, data)?),
            OrderPaid::KIND => Self::Paid(payload(kind, data)?),
            "order.capture_failed" => Self::CaptureFailed(payload(kind, data)?),
            "order.refund_requested" => Self::RefundRequested(payload(kind, data)?),
            OrderRefunded::KIND => Self::Refunded(payload(kind, data)?),
            "order.refund_failed" => Self::RefundFailed(payload(kind, data)?),
            OrderFulfilled::KIND => Self::Fulfilled(payload(kind, data)?),
            "order.cancel_requested" => Self::CancelRequested(payload(kind, data)?),
            "order.payment_voided" => Self::PaymentVoided(payload(kind, data)?),
            "order.cancel_failed" => Self::CancelFailed(payload(kind, data)?),
            OrderCancelled::KIND => Self::Cancelled(payload(kind, data)?),
            "order.customer_erased" => Self::CustomerErased(payload(kind, data)?),
            other => return Err(LogError::UnknownKind(other.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_to_whoever_follows_the_log() {
        let nothing = serde_json::json!({});
        for kind in events::registry::every_kind().iter().filter(|kind| kind.starts_with("order.")) {
            assert!(
                !matches!(OrderEvent::read(kind, &nothing), Err(LogError::UnknownKind(_))),
                "{kind} is not written"
            );
        }
    }
}
