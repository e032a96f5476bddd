//! What the use cases of the address book share.

use crypto::PersonKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Users;
use crate::domain::address::Address;
use crate::error::Error;
use crate::store;

/// Opens a user's address book for a change: locks the account, so that changes come one after the other.
pub(super) async fn lock(users: &Users, conn: &mut PgConnection, user: Uuid) -> Result<PersonKey, Error> {
    store::users::lock_id(conn, user).await?.ok_or(Error::UserNotFound)?;
    store::data_keys::find(conn, &users.keyring, user).await?.ok_or(Error::UserNotFound)
}

/// One address of a user.
pub(super) async fn find(users: &Users, user: Uuid, id: Uuid) -> Result<Address, Error> {
    let mut conn = users.db.primary().acquire().await?;
    let key = store::data_keys::find(&mut conn, &users.keyring, user).await?.ok_or(Error::UserNotFound)?;
    store::addresses::find(&mut conn, &key, user, id).await?.ok_or(Error::AddressNotFound)
}
