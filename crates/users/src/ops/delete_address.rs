//! Takes an address out of the caller's book.

use kernel::Context;
use messaging::Once;
use runtime::http::IfMatch;
use uuid::Uuid;

use super::{address_book, signed_in};
use crate::Users;
use crate::error::Error;
use crate::store;

/// Deletes an address for good. Errors: [`Error::AddressNotFound`], [`Error::UserNotFound`], 412.
pub async fn delete_address(users: &Users, context: &Context, id: Uuid, if_match: IfMatch) -> Result<(), Error> {
    let user = signed_in(context)?;
    let Once::First(mut first) = users.idempotency.begin::<()>(context, "delete_address", &id).await? else {
        return Ok(());
    };
    let conn = first.conn();
    let key = address_book::lock(users, conn, user).await?;
    let address = store::addresses::find(conn, &key, user, id).await?.ok_or(Error::AddressNotFound)?;
    if_match.check(address.version)?;
    store::addresses::delete(conn, id).await?;
    Ok(first.finish(&()).await?)
}
