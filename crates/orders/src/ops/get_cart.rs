//! Shows a cart.

use kernel::Context;
use uuid::Uuid;

use super::change_cart;
use crate::Orders;
use crate::error::Error;
use crate::view::cart::CartView;

/// A cart at today's prices.
pub async fn get_cart(orders: &Orders, context: &Context, cart_id: Uuid) -> Result<CartView, Error> {
    let cart = change_cart::read(orders, context, cart_id).await?.cart;
    let offer = change_cart::price(orders, context, &cart).await?;
    Ok(CartView::new(&cart, offer, orders.settings.prices_include_tax))
}
