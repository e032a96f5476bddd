//! Chooses the way of shipping.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart::{Change, change_cart};
use crate::Orders;
use crate::domain::cart::Cart;
use crate::domain::offer::Offer;
use crate::error::Error;
use crate::view::cart::CartView;

/// A way of shipping for a cart.
#[derive(Serialize)]
pub struct SetShippingOption {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// Its key.
    pub option: String,
}

/// Chooses the way of shipping.
pub async fn set_shipping_option(
    orders: &Orders,
    context: &Context,
    command: SetShippingOption,
) -> Result<CartView, Error> {
    let SetShippingOption { cart_id, seen_version, ref option } = command;
    let change = Change { operation: "set_shipping_option", cart_id, seen_version, command: &command };
    let edit = |cart: &mut Cart| {
        cart.shipping_option = Some(option.clone());
        Ok(())
    };
    let offered = |offer: &Offer| offer.shipping.as_ref().map(drop).ok_or(Error::UnknownShippingOption);
    change_cart(orders, context, change, edit, offered).await
}
