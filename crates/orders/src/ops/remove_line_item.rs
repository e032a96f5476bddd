//! Takes something out of a cart.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart::{Change, change_cart};
use crate::Orders;
use crate::domain::cart::Cart;
use crate::error::Error;
use crate::view::cart::CartView;

/// A line to take out.
#[derive(Serialize)]
pub struct RemoveLineItem {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// The line.
    pub line_id: Uuid,
}

/// Takes a line out.
pub async fn remove_line_item(orders: &Orders, context: &Context, command: RemoveLineItem) -> Result<CartView, Error> {
    let RemoveLineItem { cart_id, seen_version, line_id } = command;
    let change = Change { operation: "remove_line_item", cart_id, seen_version, command: &command };
    change_cart(orders, context, change, |cart: &mut Cart| cart.remove(line_id), |_| Ok(())).await
}
