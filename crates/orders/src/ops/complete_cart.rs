//! Turns a cart into an order.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Context, FieldError};
use messaging::Once;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::change_cart::{self, Change, ReadCart, change_cart};
use super::get_order;
use crate::Orders;
use crate::domain::cart::Cart;
use crate::domain::contact::Contact;
use crate::domain::offer::Offer;
use crate::domain::order::Order;
use crate::domain::order_event::{CreatedLine, OrderCreated};
use crate::domain::order_state::OrderState;
use crate::error::Error;
use crate::process::checkout::{self, Outcome};
use crate::store;
use crate::store::checkouts::{Checkout, CheckoutState};
use crate::view::order::OrderView;

const OPERATION: &str = "complete_cart";
/// What is left of the caller's time to answer in.
const TO_ANSWER: Duration = Duration::from_millis(500);

/// A cart to turn into an order.
#[derive(Serialize)]
pub struct CompleteCart {
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen.
    pub seen_version: Option<i64>,
}

/// What is kept of the first request: which run it started. The answer is that run's outcome.
#[derive(Serialize, Deserialize)]
struct Started {
    order_id: Uuid,
}

/// Turns a cart into an order, or tells everything that is in the way. Whoever completes the same cart at the same time
/// or later gets the same order.
pub async fn complete_cart(orders: &Arc<Orders>, context: &Context, command: CompleteCart) -> Result<OrderView, Error> {
    if let Some(Started { order_id }) = orders.idempotency.answered(context, OPERATION, &command).await? {
        return outcome(orders, context, order_id).await;
    }
    let mut seen_version = command.seen_version;
    for _ in 0..change_cart::ATTEMPTS {
        let read = change_cart::read(orders, context, command.cart_id).await?;
        let running = read.cart.order_id;
        let started = match running {
            Some(order_id) => note(orders, context, &command, order_id).await?,
            None if read.cart.user_id.is_none() && context.user_id().is_some() => {
                claim(orders, context, &command).await?;
                seen_version = None;
                continue;
            }
            None => match begin(orders, context, &command, seen_version, read).await? {
                Begun::Lost => continue,
                Begun::Repeated(order_id) => order_id,
                Begun::Started(started) => return follow(orders, context, *started).await,
            },
        };
        return outcome(orders, context, started).await;
    }
    Err(Error::CartBusy)
}

enum Begun {
    /// Another change of the cart was first.
    Lost,
    /// A request with the same key started this.
    Repeated(Uuid),
    /// This request did.
    Started(Box<(Checkout, Order, Contact)>),
}

/// The first transaction: the order, its run, the cart closed, the key.
async fn begin(
    orders: &Orders,
    context: &Context,
    command: &CompleteCart,
    seen_version: Option<i64>,
    read: ReadCart,
) -> Result<Begun, Error> {
    let ReadCart { cart, key } = read;
    change_cart::check_version(&cart, seen_version)?;
    let offer = change_cart::price(orders, context, &cart).await?;
    if !offer.blockers.is_empty() {
        return Err(Error::Blocked(offer.blockers.iter().map(FieldError::from).collect()));
    }
    let order_id = kernel::id::new_id();
    let contact = orders.vault.key(cart.subject, &key)?.seal_order(order_id, &cart.contact)?;
    let mut created = freeze(orders, &cart, offer, contact)?;
    let session = cart.payment_session.ok_or_else(|| Error::Stored("a cart without blockers or payment".into()))?;
    let checkout = Checkout {
        order_id,
        cart_id: cart.id,
        state: CheckoutState::Running,
        payment_session_id: session.id,
        provider: session.provider,
        provider_ref: session.provider_ref,
        blockers: Vec::new(),
        void_payment: false,
        expires_at: orders.clock.now() + orders.settings.reservation,
    };
    let mut first = match orders.idempotency.begin::<Started>(context, OPERATION, command).await? {
        Once::Replay(Started { order_id }) => return Ok(Begun::Repeated(order_id)),
        Once::First(first) => first,
    };
    let lease = orders.settings.lease;
    let begun = store::checkouts::begin(first.conn(), &checkout, cart.version, orders.instance, lease).await?;
    let Some(begun) = begun else {
        first.abandon().await?;
        return Ok(Begun::Lost);
    };
    created.number = begun.number;
    let order = store::orders::create(first.conn(), order_id, created, begun.at).await?;
    first.finish(&Started { order_id }).await?;
    Ok(Begun::Started(Box::new((checkout, order, cart.contact))))
}

/// The order as it is bought, at the prices of the offer.
fn freeze(orders: &Orders, cart: &Cart, offer: Offer, contact: String) -> Result<OrderCreated, Error> {
    let incomplete = || Error::Stored("an offer without blockers that is not whole".into());
    let (shipping, tax_rate) = offer.shipping.zip(offer.tax_rate).ok_or_else(incomplete)?;
    let mut lines = Vec::with_capacity(offer.lines.len());
    for line in offer.lines {
        let (quote, unit_amount) = line.quote.zip(line.unit_amount).ok_or_else(incomplete)?;
        lines.push(CreatedLine {
            // Not the cart's line: a cart whose checkout failed makes another order.
            id: kernel::id::new_id(),
            variant_id: line.variant_id,
            product_id: quote.product_id,
            sku: quote.sku,
            product_handle: quote.product_handle,
            product_name: quote.product_name,
            variant_name: quote.variant_name,
            quantity: line.quantity,
            unit_amount,
            amount: line.charge.amount,
            tax_amount: line.charge.tax,
        });
    }
    Ok(OrderCreated {
        number: 0,
        cart_id: cart.id,
        user_id: cart.user_id,
        subject: cart.subject,
        contact: Some(contact),
        currency: cart.currency,
        country: cart.contact.country().ok_or_else(incomplete)?,
        prices_include_tax: orders.settings.prices_include_tax,
        tax_name: tax_rate.name,
        tax_rate_bp: tax_rate.rate_bp,
        lines,
        shipping_option: shipping.option,
        shipping_name: shipping.name,
        shipping_amount: shipping.amount,
        shipping_tax_amount: offer.shipping_tax,
        items_amount: offer.items,
        tax_amount: offer.tax.ok_or_else(incomplete)?,
        total_amount: offer.total,
    })
}

/// Keeps the run that is there already under this request's key.
async fn note(orders: &Orders, context: &Context, command: &CompleteCart, order_id: Uuid) -> Result<Uuid, Error> {
    if context.idempotency_key.is_none() {
        return Ok(order_id);
    }
    match orders.idempotency.begin::<Started>(context, OPERATION, command).await? {
        Once::Replay(Started { order_id }) => Ok(order_id),
        Once::First(first) => {
            first.finish(&Started { order_id }).await?;
            Ok(order_id)
        }
    }
}

/// Makes a guest's cart that of the user who completes it.
async fn claim(orders: &Orders, context: &Context, command: &CompleteCart) -> Result<(), Error> {
    let CompleteCart { cart_id, seen_version } = *command;
    let change = Change { operation: "claim_cart", cart_id, seen_version, command };
    change_cart(orders, context, change, |_| Ok(()), |_| Ok(())).await.map(drop)
}

/// Waits for the run that this request started.
async fn follow(
    orders: &Arc<Orders>,
    context: &Context,
    (checkout, order, contact): (Checkout, Order, Contact),
) -> Result<OrderView, Error> {
    let run = checkout::start(orders, context, checkout, order);
    let ended = tokio::time::timeout(context.remaining().saturating_sub(TO_ANSWER), run).await;
    match ended {
        Ok(Ok(Ok(Outcome::Placed(order)))) => Ok(OrderView::new(&order, contact)),
        Ok(Ok(Ok(Outcome::Blocked(blockers)))) => Err(Error::Blocked(blockers)),
        // It is logged, and resumed.
        Ok(_) | Err(_) => Err(Error::CheckoutInProgress),
    }
}

/// Waits for a run that another request started, here or elsewhere, and shows its order as it was when it was placed.
async fn outcome(orders: &Orders, context: &Context, order_id: Uuid) -> Result<OrderView, Error> {
    let mut pause = Duration::from_millis(10);
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let checkout = store::checkouts::find(&mut conn, order_id).await?.ok_or(Error::OrderNotFound)?;
        match checkout.state {
            CheckoutState::Placed => {
                let placed = |order: &Order| order.state == OrderState::Placed;
                let order = store::orders::find_until(&mut conn, order_id, placed).await?;
                drop(conn);
                return get_order::show(orders, &order.ok_or(Error::OrderNotFound)?).await;
            }
            CheckoutState::Failed => return Err(Error::Blocked(checkout.blockers)),
            CheckoutState::Running | CheckoutState::Undoing => {}
        }
        drop(conn);
        if context.remaining() < TO_ANSWER + pause {
            return Err(Error::CheckoutInProgress);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}
