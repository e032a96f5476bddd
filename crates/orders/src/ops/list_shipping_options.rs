//! Lists the ways of shipping.

use kernel::Context;
use uuid::Uuid;

use super::change_cart;
use crate::Orders;
use crate::error::Error;
use crate::view::cart::ShippingOptionView;

/// The ways of shipping to a cart's address, cheapest first; none without an address.
pub async fn list_shipping_options(
    orders: &Orders,
    context: &Context,
    cart_id: Uuid,
) -> Result<Vec<ShippingOptionView>, Error> {
    let cart = change_cart::read(orders, context, cart_id).await?.cart;
    let Some(country) = cart.contact.country() else { return Ok(Vec::new()) };
    let rates = orders.rates().await?;
    let options = rates.shipping(country, cart.currency);
    Ok(options.iter().map(|rate| ShippingOptionView::new(rate, cart.currency)).collect())
}
