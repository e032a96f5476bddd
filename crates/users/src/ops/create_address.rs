//! Adds an address to the caller's book.

use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use super::{address_book, signed_in};
use crate::Users;
use crate::domain::address::{Address, MAX_ADDRESSES, PostalAddress};
use crate::error::Error;
use crate::store;

/// The new address.
pub struct CreateAddress {
    /// Who lives where.
    pub content: PostalAddress,
    /// Proposed for shipping, in place of the one that was.
    pub is_default_shipping: bool,
    /// Proposed for billing, in place of the one that was.
    pub is_default_billing: bool,
}

/// Adds an address. Errors: [`Error::TooManyAddresses`], [`Error::UserNotFound`].
pub async fn create_address(users: &Users, context: &Context, command: CreateAddress) -> Result<Address, Error> {
    let user = signed_in(context)?;
    let content = store::addresses::to_json(&command.content)?;
    let compared = (content, command.is_default_shipping, command.is_default_billing);
    let mut first = match users.idempotency.begin::<Uuid>(context, "create_address", &compared).await? {
        Once::Replay(id) => return address_book::find(users, user, id).await,
        Once::First(first) => first,
    };
    let conn = first.conn();
    let key = address_book::lock(users, conn, user).await?;
    if store::addresses::count(conn, user).await? >= MAX_ADDRESSES {
        return Err(Error::TooManyAddresses);
    }
    let now = users.clock.now();
    let address = Address {
        id: kernel::id::new_id(),
        user_id: user,
        content: command.content,
        is_default_shipping: command.is_default_shipping,
        is_default_billing: command.is_default_billing,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store::addresses::yield_defaults(conn, &address).await?;
    store::addresses::insert(conn, &key, &address).await?;
    first.finish(&address.id).await?;
    Ok(address)
}
