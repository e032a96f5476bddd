//! Where an order, its payments and its refunds stand.

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Its checkout runs.
    Pending,
    /// It is to be carried out.
    Placed,
    /// Payment and stock are being undone.
    Cancelling,
    /// It will not be carried out.
    Cancelled,
    /// Everything was sent.
    Fulfilled,
}

impl OrderState {
    /// Its name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Placed => "placed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Fulfilled => "fulfilled",
        }
    }
}

/// How far it is paid, over all payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// No payment yet.
    None,
    /// The money is promised.
    Authorised,
    /// The money is ours.
    Paid,
    /// Some of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
    /// The promise was given back.
    Voided,
}

impl PaymentState {
    /// Its name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Authorised => "authorised",
            Self::Paid => "paid",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
        }
    }
}

/// How far it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FulfillmentState {
    /// Nothing was sent.
    Unfulfilled,
    /// Some was.
    PartiallyFulfilled,
    /// All was.
    Fulfilled,
}

impl FulfillmentState {
    /// Its name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfulfilled => "unfulfilled",
            Self::PartiallyFulfilled => "partially_fulfilled",
            Self::Fulfilled => "fulfilled",
        }
    }
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStep {
    /// The money is promised.
    Authorised,
    /// The provider is being asked for it.
    Capturing,
    /// It is ours.
    Captured,
    /// The promise was given back.
    Voided,
}

impl PaymentStep {
    /// Its name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorised => "authorised",
            Self::Capturing => "capturing",
            Self::Captured => "captured",
            Self::Voided => "voided",
        }
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStep {
    /// On its way.
    Pending,
    /// Done.
    Succeeded,
    /// The provider refused.
    Failed,
}

impl RefundStep {
    /// Its name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}
