//! Changes how many of something are in a cart.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart::{Change, change_cart};
use crate::Orders;
use crate::domain::cart::Cart;
use crate::error::Error;
use crate::view::cart::CartView;

/// A new quantity of a line.
#[derive(Serialize)]
pub struct UpdateLineItem {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// The line.
    pub line_id: Uuid,
    /// How many.
    pub quantity: i64,
}

/// Sets a line's quantity.
pub async fn update_line_item(orders: &Orders, context: &Context, command: UpdateLineItem) -> Result<CartView, Error> {
    let UpdateLineItem { cart_id, seen_version, line_id, quantity } = command;
    let change = Change { operation: "update_line_item", cart_id, seen_version, command: &command };
    let edit = |cart: &mut Cart| cart.change_quantity(line_id, quantity, orders.settings.limits);
    change_cart(orders, context, change, edit, |_| Ok(())).await
}
