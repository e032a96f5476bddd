//! A user was deleted: what this role copied of theirs is erased.

use std::sync::Arc;

use async_trait::async_trait;
use events::Envelope;
use events::user::UserDeleted;
use kernel::Failure;
use messaging::{ConsumeError, Consumer, Handle};
use sqlx::PgConnection;

use crate::{Orders, ops};

pub(super) const NAME: &str = "orders.on_user_deleted";
pub(super) const KINDS: &[&str] = &[UserDeleted::KIND];

struct OnUserDeleted;

pub(super) fn consumer(orders: &Arc<Orders>) -> Consumer {
    Consumer { name: NAME, kinds: KINDS, db: orders.db.clone(), handler: Arc::new(OnUserDeleted) }
}

#[async_trait]
impl Handle for OnUserDeleted {
    async fn handle(&self, conn: &mut PgConnection, event: &Envelope) -> Result<(), ConsumeError> {
        ops::erase_user(conn, event.aggregate_id).await.map_err(|error| Failure::from(error).into())
    }
}
