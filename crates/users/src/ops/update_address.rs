//! Changes an address of the caller.

use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use serde::Serialize;
use uuid::Uuid;

use super::{address_book, given, signed_in};
use crate::Users;
use crate::domain::address::{Address, AddressChange};
use crate::error::Error;
use crate::store;

/// What to change.
pub struct UpdateAddress {
    /// Which address.
    pub id: Uuid,
    /// The new values.
    pub change: AddressChange,
    /// The version that the caller has seen.
    pub if_match: IfMatch,
}

/// Changes an address. Errors: [`Error::AddressNotFound`], [`Error::UserNotFound`], 412.
pub async fn update_address(users: &Users, context: &Context, command: UpdateAddress) -> Result<Address, Error> {
    let user = signed_in(context)?;
    let begun =
        users.idempotency.begin::<()>(context, "update_address", &(command.id, compared(&command.change))).await?;
    let Once::First(mut first) = begun else {
        return address_book::find(users, user, command.id).await;
    };
    let conn = first.conn();
    let key = address_book::lock(users, conn, user).await?;
    let found = store::addresses::find(conn, &key, user, command.id).await?;
    let mut address = found.ok_or(Error::AddressNotFound)?;
    command.if_match.check(address.version)?;
    if address.apply(command.change) {
        address.version += 1;
        address.updated_at = users.clock.now();
        store::addresses::yield_defaults(conn, &address).await?;
        store::addresses::update(conn, &key, &address).await?;
    }
    first.finish(&()).await?;
    Ok(address)
}

/// The new values as a repeat is compared by them: a field that is taken away differs from one that is left alone.
fn compared(change: &AddressChange) -> impl Serialize + '_ {
    let AddressChange { first_name, last_name, company, line1, line2, city, .. } = change;
    let AddressChange { region, postal_code, country, phone, is_default_shipping, is_default_billing, .. } = change;
    (
        (first_name, last_name, given(company.as_ref()), line1, given(line2.as_ref()), city),
        (
            given(region.as_ref()),
            given(postal_code.as_ref()),
            country,
            given(phone.as_ref()),
            is_default_shipping,
            is_default_billing,
        ),
    )
}
