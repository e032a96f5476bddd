//! Events of an order. Names and addresses of the buyer are not in them.

use kernel::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The sort of object.
pub const AGGREGATE: &str = "order";

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The line.
    pub line_id: Uuid,
    /// The variant bought.
    pub variant_id: Uuid,
    /// How many.
    pub quantity: i64,
    /// What one costs.
    pub unit_price: Money,
}

/// A cart became an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The number that people use.
    pub number: i64,
    /// The account, unless a guest bought.
    pub user_id: Option<Uuid>,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// What the buyer pays.
    pub total: Money,
}

impl OrderPlaced {
    /// The name in the log.
    pub const KIND: &'static str = "order.placed";
}

/// Money for an order was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPaid {
    /// The account, unless a guest bought. Events from before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// The payment.
    pub payment_id: Uuid,
    /// How much.
    pub amount: Money,
}

impl OrderPaid {
    /// The name in the log.
    pub const KIND: &'static str = "order.paid";
}

/// Units of some lines, such as those sent or given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuantity {
    /// The line.
    pub line_id: Uuid,
    /// How many of it.
    pub quantity: i64,
}

/// Goods of an order left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFulfilled {
    /// The account, unless a guest bought. Events from before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// The fulfilment.
    pub fulfillment_id: Uuid,
    /// What was sent.
    pub lines: Vec<LineQuantity>,
    /// Who carries it.
    pub tracking_company: Option<String>,
    /// The carrier's number for it.
    pub tracking_number: Option<String>,
}

impl OrderFulfilled {
    /// The name in the log.
    pub const KIND: &'static str = "order.fulfilled";
}

/// An order will not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The account, unless a guest bought. Events from before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// Why, as a code.
    pub reason: String,
}

impl OrderCancelled {
    /// The name in the log.
    pub const KIND: &'static str = "order.cancelled";
}

/// Money of an order was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefunded {
    /// The account, unless a guest bought. Events from before this field have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// The refund.
    pub refund_id: Uuid,
    /// The payment that it comes from.
    pub payment_id: Uuid,
    /// How much.
    pub amount: Money,
}

impl OrderRefunded {
    /// The name in the log.
    pub const KIND: &'static str = "order.refunded";
}
