//! Notes that goods left.

use events::order::LineQuantity;
use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_order::{Change, change_order};
use super::get_order;
use crate::Orders;
use crate::domain::order::Order;
use crate::error::Error;
use crate::view::order::OrderView;

/// Goods that left.
#[derive(Serialize)]
pub struct CreateFulfillment {
    /// The order.
    pub order_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// What was sent; none: all that is left.
    pub lines: Option<Vec<LineQuantity>>,
    /// Who carries it.
    pub tracking_company: Option<String>,
    /// The carrier's number for it.
    pub tracking_number: Option<String>,
}

/// Notes that units of lines were sent, no more than were ordered.
pub async fn create_fulfillment(
    orders: &Orders,
    context: &Context,
    command: CreateFulfillment,
) -> Result<OrderView, Error> {
    let CreateFulfillment { order_id, seen_version, .. } = command;
    let change = Change { operation: "create_fulfillment", order_id, seen_version, command: &command };
    let decide = |order: &Order, id| {
        let (company, number) = (command.tracking_company.clone(), command.tracking_number.clone());
        order.fulfill_with(id, command.lines.clone(), company, number)
    };
    let (order, _) = change_order(orders, context, change, decide, |_, _| false, |_, _| true).await?;
    get_order::show(orders, &order).await
}
