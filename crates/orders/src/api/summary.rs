//! An order in a list.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ops::OrderSummary;
use crate::view::{MoneyView, fields};

/// An order in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderSummary)]
pub struct OrderSummaryView {
    /// The id.
    id: Uuid,
    /// The number that people use.
    #[schema(schema_with = fields::version)]
    number: i64,
    /// Where it stands.
    #[schema(schema_with = fields::order_state)]
    state: String,
    /// How far it is paid.
    #[schema(schema_with = fields::payment_state)]
    payment_state: String,
    /// How far it is sent.
    #[schema(schema_with = fields::fulfillment_state)]
    fulfillment_state: String,
    /// The account; null for a guest's and after the customer was erased.
    user_id: Option<Uuid>,
    /// What is charged.
    total: MoneyView,
    /// When its checkout began.
    created_at: DateTime<Utc>,
    /// When its checkout succeeded.
    placed_at: Option<DateTime<Utc>>,
}

impl From<OrderSummary> for OrderSummaryView {
    fn from(order: OrderSummary) -> Self {
        Self {
            id: order.id,
            number: order.number,
            state: order.state,
            payment_state: order.payment_state,
            fulfillment_state: order.fulfillment_state,
            user_id: order.user_id,
            total: MoneyView { amount: order.total_amount, currency: order.currency },
            created_at: order.created_at,
            placed_at: order.placed_at,
        }
    }
}
