//! Puts something into a cart.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart::{Change, change_cart};
use crate::Orders;
use crate::domain::cart::Cart;
use crate::domain::offer::Offer;
use crate::error::Error;
use crate::view::cart::CartView;

/// Units of a variant for a cart.
#[derive(Serialize)]
pub struct AddLineItem {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// The variant.
    pub variant_id: Uuid,
    /// How many.
    pub quantity: i64,
}

/// Puts units of a variant in; one that is in already gets more.
pub async fn add_line_item(orders: &Orders, context: &Context, command: AddLineItem) -> Result<CartView, Error> {
    let AddLineItem { cart_id, seen_version, variant_id, quantity } = command;
    let change = Change { operation: "add_line_item", cart_id, seen_version, command: &command };
    let line_id = kernel::id::new_id();
    let edit = |cart: &mut Cart| cart.add(line_id, variant_id, quantity, orders.settings.limits).map(drop);
    let sold = |offer: &Offer| {
        let line = offer.lines.iter().find(|line| line.variant_id == variant_id);
        line.and_then(|line| line.unit_amount).map(drop).ok_or(Error::VariantUnavailable)
    };
    change_cart(orders, context, change, edit, sold).await
}
