//! Prepares the payment of a cart.

use kernel::{Context, FieldError, Money};
use messaging::Once;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart::{self, ReadCart};
use crate::Orders;
use crate::domain::cart::PaymentSession;
use crate::domain::offer::{Blocker, Offer};
use crate::error::Error;
use crate::payments::Preparation;
use crate::view::cart::CartView;

const OPERATION: &str = "create_payment_session";

/// A provider for a cart's payment.
#[derive(Serialize)]
pub struct CreatePaymentSession {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
    /// The provider.
    pub provider: String,
}

/// Prepares a payment over today's total. The customer sees that total, and completing the cart charges it or nothing.
pub async fn create_payment_session(
    orders: &Orders,
    context: &Context,
    command: CreatePaymentSession,
) -> Result<CartView, Error> {
    if let Some(first) = orders.idempotency.answered(context, OPERATION, &command).await? {
        return Ok(first);
    }
    let ReadCart { mut cart, key } = change_cart::read(orders, context, command.cart_id).await?;
    cart.changeable()?;
    change_cart::check_version(&cart, command.seen_version)?;
    let read_version = cart.version;
    let key = change_cart::claim(orders, context, &mut cart, key).await?;
    let provider = orders.providers.get(&command.provider)?;
    let mut offer = change_cart::price(orders, context, &cart).await?;
    offer.show_to(&mut cart);
    payable(&offer)?;
    let id = kernel::id::new_id();
    let amount = Money::new(offer.total, cart.currency);
    let prepared = provider.prepare(context, Preparation { session_id: id, cart_id: cart.id, amount }).await?;
    let session = PaymentSession {
        id,
        provider: command.provider.clone(),
        provider_ref: prepared.reference,
        amount: offer.total,
        client_data: prepared.client_data,
    };
    cart.payment_session = Some(session.clone());
    offer.blockers.retain(|blocker| !blocker.is_about_payment());
    let mut first = match orders.idempotency.begin(context, OPERATION, &command).await? {
        Once::Replay(first) => return Ok(first),
        Once::First(first) => first,
    };
    if !change_cart::write(orders, first.conn(), &mut cart, key, read_version, Some(&session)).await? {
        // The total may be another now, and this one is what was prepared.
        return Err(Error::CartBusy);
    }
    let view = CartView::new(&cart, offer, orders.settings.prices_include_tax);
    first.finish(&view).await?;
    Ok(view)
}

/// Only a cart whose total is final can be paid.
fn payable(offer: &Offer) -> Result<(), Error> {
    let in_the_way = offer.blockers.iter().filter(|blocker| !blocker.is_about_payment());
    let blockers: Vec<FieldError> = in_the_way.map(|blocker: &Blocker| blocker.into()).collect();
    if blockers.is_empty() { Ok(()) } else { Err(Error::Blocked(blockers)) }
}
