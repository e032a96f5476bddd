//! Reads the caller's address book.

use kernel::Context;

use super::signed_in;
use crate::Users;
use crate::domain::address::Address;
use crate::error::Error;
use crate::store;

/// All addresses of the caller, the oldest first. Error: [`Error::UserNotFound`].
pub async fn list_addresses(users: &Users, context: &Context) -> Result<Vec<Address>, Error> {
    let user = signed_in(context)?;
    let mut conn = users.db.primary().acquire().await?;
    let key = store::data_keys::find(&mut conn, &users.keyring, user).await?.ok_or(Error::UserNotFound)?;
    Ok(store::addresses::list(&mut conn, &key, user).await?)
}
