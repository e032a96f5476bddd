//! Events of other roles, one file an event.

mod on_user_deleted;

use std::sync::Arc;

use messaging::Consumer;

use crate::Orders;

/// The role's durable consumers.
pub fn consumers(orders: &Arc<Orders>) -> Vec<Consumer> {
    vec![on_user_deleted::consumer(orders)]
}
