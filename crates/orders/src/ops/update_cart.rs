//! Changes e-mail and addresses of a cart.

use kernel::Context;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart::{Change, change_cart};
use crate::Orders;
use crate::domain::contact::Address;
use crate::error::Error;
use crate::view::cart::CartView;

/// New values of some fields. `Some(None)` takes one away.
#[derive(Serialize)]
pub struct UpdateCart {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// Where mail goes.
    pub email: Option<Option<String>>,
    /// Where goods go.
    pub shipping_address: Option<Option<Address>>,
    /// Where the bill goes.
    pub billing_address: Option<Option<Address>>,
}

/// Changes e-mail and addresses.
pub async fn update_cart(orders: &Orders, context: &Context, command: UpdateCart) -> Result<CartView, Error> {
    let UpdateCart { cart_id, seen_version, .. } = command;
    let change = Change { operation: "update_cart", cart_id, seen_version, command: &command };
    let edit = |cart: &mut crate::domain::cart::Cart| {
        if let Some(email) = &command.email {
            cart.contact.email.clone_from(email);
        }
        if let Some(address) = &command.shipping_address {
            cart.contact.shipping_address.clone_from(address);
        }
        if let Some(address) = &command.billing_address {
            cart.contact.billing_address.clone_from(address);
        }
        Ok(())
    };
    change_cart(orders, context, change, edit, |_| Ok(())).await
}
