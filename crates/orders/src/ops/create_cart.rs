//! Makes a cart.

use kernel::{Context, Currency, ErrorKind};
use messaging::Once;
use serde::Serialize;
use uuid::Uuid;

use super::change_cart;
use crate::Orders;
use crate::domain::cart::{Cart, CartState};
use crate::domain::contact::Contact;
use crate::error::Error;
use crate::store;
use crate::store::data_keys::StoredKey;
use crate::vault::OpenKey;
use crate::view::cart::CartView;

const OPERATION: &str = "create_cart";

/// What the cart begins with.
#[derive(Serialize)]
pub struct CreateCart {
    /// What prices are in; none: the shop's first currency.
    pub currency: Option<Currency>,
    /// E-mail and addresses.
    pub contact: Contact,
    /// What is in it.
    pub lines: Vec<NewLine>,
}

/// Units of a variant.
#[derive(Clone, Serialize)]
pub struct NewLine {
    /// The variant.
    pub variant_id: Uuid,
    /// How many.
    pub quantity: i64,
}

/// Makes a cart: of the user who is signed in, or a guest's, which belongs to whoever knows its id.
pub async fn create_cart(orders: &Orders, context: &Context, command: CreateCart) -> Result<CartView, Error> {
    if let Some(first) = orders.idempotency.answered(context, OPERATION, &command).await? {
        return Ok(first);
    }
    let mut cart = new_cart(orders, context, &command)?;
    if cart.contact.email.is_none() {
        cart.contact.email = account_email(orders, context).await?;
    }
    let mut offer = change_cart::price(orders, context, &cart).await?;
    if offer.lines.iter().any(|line| line.unit_amount.is_none()) {
        return Err(Error::VariantUnavailable);
    }
    offer.show_to(&mut cart);
    for _ in 0..change_cart::ATTEMPTS {
        let key = match cart.user_id {
            Some(user_id) => store::data_keys::find(&mut *orders.db.primary().acquire().await?, user_id).await?,
            None => StoredKey::None,
        };
        let sealed = change_cart::seal(orders, &cart, &key)?;
        let mut first = match orders.idempotency.begin(context, OPERATION, &command).await? {
            Once::Replay(first) => return Ok(first),
            Once::First(first) => first,
        };
        if let Some((OpenKey { new: Some(wrapped), .. }, _)) = &sealed
            && !store::data_keys::insert(first.conn(), cart.subject, wrapped).await?
        {
            // Another request of this user made the key a moment ago.
            first.abandon().await?;
            continue;
        }
        store::carts::insert(first.conn(), &cart, sealed.as_ref().map(|(_, contact)| contact.as_slice())).await?;
        let view = CartView::new(&cart, offer, orders.settings.prices_include_tax);
        first.finish(&view).await?;
        return Ok(view);
    }
    Err(Error::CartBusy)
}

fn new_cart(orders: &Orders, context: &Context, command: &CreateCart) -> Result<Cart, Error> {
    let currencies = &orders.settings.currencies;
    let currency = command.currency.unwrap_or(currencies[0]);
    if !currencies.contains(&currency) {
        return Err(Error::UnsupportedCurrency);
    }
    let id = kernel::id::new_capability();
    let user_id = context.user_id();
    let now = orders.clock.now();
    let mut cart = Cart {
        id,
        version: 1,
        state: CartState::Open,
        user_id,
        subject: user_id.unwrap_or(id),
        currency,
        contact: command.contact.clone(),
        lines: Vec::new(),
        shipping_option: None,
        payment_session: None,
        order_id: None,
        created_at: now,
        updated_at: now,
    };
    for line in &command.lines {
        cart.add(kernel::id::new_id(), line.variant_id, line.quantity, orders.settings.limits)?;
    }
    Ok(cart)
}

/// The account's address for mail. A cart can be made without it: the customer is asked for one later.
async fn account_email(orders: &Orders, context: &Context) -> Result<Option<String>, Error> {
    let Some(user_id) = context.user_id() else { return Ok(None) };
    match orders.users.contact(context, user_id).await {
        Ok(contact) => Ok(Some(contact.email)),
        Err(failure) if matches!(failure.kind, ErrorKind::NotFound | ErrorKind::Unavailable) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}
