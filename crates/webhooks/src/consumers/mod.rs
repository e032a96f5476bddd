//! Events of all roles.

mod on_event;

use std::sync::Arc;

use messaging::Consumer;

use crate::Webhooks;

/// The role's durable consumers by name, and the kinds that they handle.
pub const CONSUMERS: &[(&str, &[&str])] = &[(on_event::NAME, &on_event::KINDS)];

/// The role's durable consumers.
pub fn consumers(webhooks: &Arc<Webhooks>) -> Vec<Consumer> {
    vec![on_event::consumer(webhooks)]
}
