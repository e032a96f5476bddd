//! Erases a deleted user's personal data.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::order_event::{Empty, OrderEvent};
use crate::error::Error;
use crate::store;

/// Destroys the person's data key, so that no sealed copy opens any more, and detaches carts and orders. Orders stay, for
/// the books, without their customer. In the transaction of `conn`.
pub async fn erase_user(conn: &mut PgConnection, user_id: Uuid) -> Result<(), Error> {
    store::data_keys::destroy(conn, user_id).await?;
    store::carts::delete_open_of(conn, user_id).await?;
    store::carts::forget_user(conn, user_id).await?;
    for order_id in store::order_list::of_user(conn, user_id).await? {
        let (order, at) = store::orders::lock(conn, order_id).await?;
        store::orders::append(conn, &order, vec![OrderEvent::CustomerErased(Empty {})], at).await?;
    }
    Ok(())
}
