//! What can go wrong in this role.

use kernel::{ErrorKind, Failure, FieldError, Money};
use thiserror::Error;

use crate::domain::order_event::LogError;

/// What went wrong.
#[derive(Debug, Error)]
pub enum Error {
    /// No such cart, or not for this caller.
    #[error("Cart not found")]
    CartNotFound,
    /// No such line in this cart or order.
    #[error("Line item not found")]
    LineNotFound,
    /// The cart became an order.
    #[error("The cart is completed; create another")]
    CartCompleted,
    /// A checkout runs over the cart.
    #[error("A checkout of this cart is under way; ask again")]
    CheckoutInProgress,
    /// Others change the cart all the time.
    #[error("The cart is being changed by others; try again")]
    CartBusy,
    /// The cart has as many lines as it may.
    #[error("A cart has at most {0} line items")]
    CartFull(usize),
    /// Beyond what a line may have.
    #[error("quantity takes 1 to {0}")]
    Quantity(i64),
    /// The variant doesn't exist, isn't for sale or not in the cart's currency.
    #[error("The variant is not for sale in this cart's currency")]
    VariantUnavailable,
    /// The shop doesn't sell in this currency.
    #[error("The shop does not sell in this currency")]
    UnsupportedCurrency,
    /// No such way of shipping to the cart's country.
    #[error("Not one of the cart's shipping options")]
    UnknownShippingOption,
    /// No such provider.
    #[error("Not one of the shop's payment providers")]
    UnknownProvider,
    /// Things keep the cart from being ordered.
    #[error("The cart cannot be ordered as it is")]
    Blocked(Vec<FieldError>),
    /// No such order, or not for this caller.
    #[error("Order not found")]
    OrderNotFound,
    /// No such payment of this order.
    #[error("Payment not found")]
    PaymentNotFound,
    /// The order's state does not allow this.
    #[error("{0}")]
    OrderState(&'static str),
    /// Something is under way with a provider.
    #[error("Another change of this order is under way; try again")]
    OrderBusy,
    /// The money is ours already.
    #[error("The payment is captured already")]
    AlreadyCaptured,
    /// There is no money to give back.
    #[error("The payment is not captured")]
    NotCaptured,
    /// More than what is left of the payment.
    #[error("At most {0} {currency} can be refunded", currency = .0.currency)]
    RefundTooLarge(Money),
    /// More than what is left of the line.
    #[error("At most {left} of this line can be fulfilled")]
    FulfillmentTooLarge {
        /// Which of the lines given.
        at: usize,
        /// Units left.
        left: i64,
    },
    /// The provider refused; the order's events say why.
    #[error("The payment provider refused; the order's events say why")]
    PaymentRefused,
    /// The provider takes no notices here.
    #[error("This shop takes no payments by this provider")]
    ProviderNotConfigured,
    /// A notice that nobody signed whom we know.
    #[error("The signature is not one of the provider's")]
    WebhookSignature,
    /// A notice that was signed too long ago, or by a clock that is wrong.
    #[error("The notice was signed more than five minutes from now")]
    WebhookTooOld,
    /// The person was erased; nothing of theirs is kept any more.
    #[error("The account was deleted")]
    PersonErased,
    /// A failure of the ground or of another role.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A sealed value cannot be opened.
    #[error(transparent)]
    Crypto(#[from] crypto::CryptoError),
    /// An order's log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A stored value is not what it must be.
    #[error("stored data: {0}")]
    Stored(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::CartNotFound
            | Error::LineNotFound
            | Error::OrderNotFound
            | Error::PaymentNotFound
            | Error::ProviderNotConfigured => ErrorKind::NotFound,
            Error::WebhookSignature | Error::WebhookTooOld => ErrorKind::Malformed,
            Error::Quantity(_)
            | Error::VariantUnavailable
            | Error::UnsupportedCurrency
            | Error::UnknownShippingOption
            | Error::UnknownProvider
            | Error::RefundTooLarge(_)
            | Error::FulfillmentTooLarge { .. } => ErrorKind::Invalid,
            Error::CartCompleted
            | Error::CheckoutInProgress
            | Error::CartBusy
            | Error::CartFull(_)
            | Error::Blocked(_)
            | Error::OrderState(_)
            | Error::OrderBusy
            | Error::AlreadyCaptured
            | Error::NotCaptured
            | Error::PaymentRefused => ErrorKind::Conflict,
            Error::PersonErased => ErrorKind::Forbidden,
            Error::Failure(failure) => failure.kind,
            Error::Crypto(_) | Error::Log(_) | Error::Stored(_) | Error::Database(_) => ErrorKind::Internal,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::CartNotFound => "CART_NOT_FOUND",
            Error::LineNotFound => "LINE_ITEM_NOT_FOUND",
            Error::CartCompleted => "CART_COMPLETED",
            Error::CheckoutInProgress => "CHECKOUT_IN_PROGRESS",
            Error::CartBusy => "CART_BUSY",
            Error::CartFull(_) => "CART_FULL",
            Error::Blocked(_) => "CHECKOUT_BLOCKED",
            Error::OrderNotFound => "ORDER_NOT_FOUND",
            Error::PaymentNotFound => "PAYMENT_NOT_FOUND",
            Error::OrderState(_) => "ORDER_STATE",
            Error::OrderBusy => "ORDER_BUSY",
            Error::AlreadyCaptured => "PAYMENT_ALREADY_CAPTURED",
            Error::NotCaptured => "PAYMENT_NOT_CAPTURED",
            Error::PaymentRefused => "PAYMENT_REFUSED",
            Error::ProviderNotConfigured => "PAYMENT_PROVIDER_NOT_CONFIGURED",
            Error::WebhookSignature => "INVALID_WEBHOOK_SIGNATURE",
            Error::WebhookTooOld => "WEBHOOK_TOO_OLD",
            Error::PersonErased => "ACCOUNT_DELETED",
            // Codes of the field; the failure's own is VALIDATION_FAILED.
            Error::Quantity(_) => "OUT_OF_RANGE",
            Error::VariantUnavailable => "VARIANT_UNAVAILABLE",
            Error::UnsupportedCurrency => "UNSUPPORTED_CURRENCY",
            Error::UnknownShippingOption => "UNKNOWN_SHIPPING_OPTION",
            Error::UnknownProvider => "UNKNOWN_PROVIDER",
            Error::RefundTooLarge(_) => "REFUND_TOO_LARGE",
            Error::FulfillmentTooLarge { .. } => "FULFILLMENT_TOO_LARGE",
            // This carries its own; see the conversion below.
            Error::Failure(_) | Error::Crypto(_) | Error::Log(_) | Error::Stored(_) | Error::Database(_) => {
                "INTERNAL_ERROR"
            }
        }
    }

    /// The field of the request that is wrong, for the errors that are about one.
    fn field(&self) -> Option<String> {
        match self {
            Error::Quantity(_) => Some("quantity".into()),
            Error::VariantUnavailable => Some("variant_id".into()),
            Error::UnsupportedCurrency => Some("currency".into()),
            Error::UnknownShippingOption => Some("option".into()),
            Error::UnknownProvider => Some("provider".into()),
            Error::RefundTooLarge(_) => Some("amount".into()),
            Error::FulfillmentTooLarge { at, .. } => Some(format!("lines[{at}].quantity")),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(field) = error.field() {
            return Failure::invalid_field(field, error.code(), error.to_string());
        }
        let plain = |error: &Error| Failure::new(error.kind(), error.code(), error.to_string());
        match error {
            Error::Failure(failure) => failure,
            Error::Database(cause) => pg::failure(&cause),
            Error::Crypto(_) | Error::Log(_) | Error::Stored(_) => {
                tracing::error!(%error, "stored data cannot be used");
                Failure::internal()
            }
            Error::CheckoutInProgress | Error::OrderBusy | Error::CartBusy => plain(&error).retry_after(1),
            Error::Blocked(ref blockers) => Failure { details: blockers.clone(), ..plain(&error) },
            _ => plain(&error),
        }
    }
}
