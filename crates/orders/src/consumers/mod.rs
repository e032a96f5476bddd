//! Events of other roles, one file an event.

mod on_user_deleted;

use std::sync::Arc;

use messaging::Consumer;

use crate::Orders;

/// The name of every consumer with the kinds of events that it wants.
pub const CONSUMERS: &[(&str, &[&str])] = &[(on_user_deleted::NAME, on_user_deleted::KINDS)];

/// The role's durable consumers.
pub fn consumers(orders: &Arc<Orders>) -> Vec<Consumer> {
    vec![on_user_deleted::consumer(orders)]
}
