//! How every change of a cart goes: read, change, price, write over the version that was read.

use kernel::{Context, Failure};
use messaging::Once;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Orders;
use crate::domain::cart::{Cart, PaymentSession};
use crate::domain::offer::{self, Offer};
use crate::error::Error;
use crate::store;
use crate::store::carts::StoredCart;
use crate::store::data_keys::StoredKey;
use crate::vault::OpenKey;
use crate::view::cart::CartView;

/// Tries before a cart counts as too busy.
pub(super) const ATTEMPTS: usize = 8;

/// A change of a cart.
pub(super) struct Change<'a, C> {
    /// Its name.
    pub operation: &'static str,
    /// The cart.
    pub cart_id: Uuid,
    /// The version that the caller has seen, if it says.
    pub seen_version: Option<i64>,
    /// What was asked for: a repeat with the same key must ask for the same.
    pub command: &'a C,
}

/// A cart that was read, with its contact open.
pub(super) struct ReadCart {
    pub cart: Cart,
    pub key: StoredKey,
}

/// Changes a cart by `edit`; `accept` refuses what today's offer doesn't allow.
pub(super) async fn change_cart<C: Serialize>(
    orders: &Orders,
    context: &Context,
    change: Change<'_, C>,
    edit: impl Fn(&mut Cart) -> Result<(), Error> + Sync,
    accept: impl Fn(&Offer) -> Result<(), Error> + Sync,
) -> Result<CartView, Error> {
    let Change { operation, cart_id, seen_version, command } = change;
    if let Some(first) = orders.idempotency.answered(context, operation, command).await? {
        return Ok(first);
    }
    for _ in 0..ATTEMPTS {
        let ReadCart { mut cart, key } = read(orders, context, cart_id).await?;
        cart.changeable()?;
        check_version(&cart, seen_version)?;
        let read_version = cart.version;
        let key = claim(orders, context, &mut cart, key).await?;
        edit(&mut cart)?;
        let mut offer = price(orders, context, &cart).await?;
        accept(&offer)?;
        offer.show_to(&mut cart);
        let mut first = match orders.idempotency.begin(context, operation, command).await? {
            Once::Replay(first) => return Ok(first),
            Once::First(first) => first,
        };
        if write(orders, first.conn(), &mut cart, key, read_version, None).await? {
            let view = CartView::new(&cart, offer, orders.settings.prices_include_tax);
            first.finish(&view).await?;
            return Ok(view);
        }
        first.abandon().await?;
    }
    Err(Error::CartBusy)
}

/// Reads a cart that the caller may see.
pub(super) async fn read(orders: &Orders, context: &Context, cart_id: Uuid) -> Result<ReadCart, Error> {
    let stored = store::carts::find(&mut *orders.db.primary().acquire().await?, cart_id).await?;
    let StoredCart { mut cart, contact, key } = stored.ok_or(Error::CartNotFound)?;
    cart.visible_to(context)?;
    if let Some(sealed) = contact {
        cart.contact = orders.vault.open_cart(cart.id, cart.subject, &key, &sealed)?;
    }
    Ok(ReadCart { cart, key })
}

/// Prices a cart at today's prices and rates.
pub(super) async fn price(orders: &Orders, context: &Context, cart: &Cart) -> Result<Offer, Error> {
    let variants = cart.variants();
    let quotes =
        if variants.is_empty() { Vec::new() } else { orders.products.quote(context, cart.currency, variants).await? };
    Ok(offer::offer(cart, quotes, &*orders.rates().await?, orders.settings.prices_include_tax))
}

/// A guest's cart that a signed-in user changes becomes the user's; its contact will be sealed under the user's key.
pub(super) async fn claim(
    orders: &Orders,
    context: &Context,
    cart: &mut Cart,
    key: StoredKey,
) -> Result<StoredKey, Error> {
    match context.user_id() {
        Some(user_id) if cart.user_id.is_none() => {
            cart.user_id = Some(user_id);
            cart.subject = user_id;
            Ok(store::data_keys::find(&mut *orders.db.primary().acquire().await?, user_id).await?)
        }
        _ => Ok(key),
    }
}

/// Writes a changed cart, and the payment session that came with the change. False when another change was first.
pub(super) async fn write(
    orders: &Orders,
    conn: &mut PgConnection,
    cart: &mut Cart,
    key: StoredKey,
    read_version: i64,
    session: Option<&PaymentSession>,
) -> Result<bool, Error> {
    cart.version = read_version + 1;
    cart.updated_at = orders.clock.now();
    let sealed = seal(orders, cart, &key)?;
    if let Some((OpenKey { new: Some(wrapped), .. }, _)) = &sealed
        && !store::data_keys::insert(conn, cart.subject, wrapped).await?
    {
        return Ok(false);
    }
    if let Some(session) = session {
        let watched = orders.providers.get(&session.provider)?.keeps_books();
        let look_after = watched.then_some(orders.settings.look_after);
        store::payment_sessions::insert(conn, cart.id, cart.currency, session, look_after).await?;
    }
    let contact = sealed.as_ref().map(|(_, contact)| contact.as_slice());
    Ok(store::carts::update(conn, cart, contact, read_version).await?)
}

/// Seals a cart's contact; none when there is nothing to seal.
pub(super) fn seal(orders: &Orders, cart: &Cart, key: &StoredKey) -> Result<Option<(OpenKey, Vec<u8>)>, Error> {
    if cart.contact.is_empty() {
        return Ok(None);
    }
    let key = orders.vault.key(cart.subject, key)?;
    let sealed = key.seal_cart(cart.id, &cart.contact)?;
    Ok(Some((key, sealed)))
}

pub(super) fn check_version(cart: &Cart, seen: Option<i64>) -> Result<(), Failure> {
    runtime::http::IfMatch(seen).check(cart.version)
}
