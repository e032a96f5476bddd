//! Every published event.

use std::sync::LazyLock;

use serde::Serialize;

use crate::{category, inventory, order, product, user, webhook_endpoint};

/// A kind of event: who publishes it about what, and which version of its payload this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EventType {
    /// The name, such as `order.placed`.
    pub kind: &'static str,
    /// The sort of object.
    pub aggregate: &'static str,
    /// The role that publishes it.
    pub role: &'static str,
    /// The version of its payload. It grows with every change to the struct.
    pub payload_version: u32,
}

/// Every event that a role publishes.
pub const REGISTRY: &[EventType] = &[
    published("users", user::AGGREGATE, user::UserCreated::KIND, 1),
    published("users", user::AGGREGATE, user::UserUpdated::KIND, 1),
    published("users", user::AGGREGATE, user::UserDeleted::KIND, 1),
    published("products", product::AGGREGATE, product::ProductCreated::KIND, 1),
    published("products", product::AGGREGATE, product::ProductUpdated::KIND, 2),
    published("products", product::AGGREGATE, product::ProductDeleted::KIND, 1),
    published("products", category::AGGREGATE, category::CategoryChanged::KIND, 1),
    published("products", inventory::AGGREGATE, inventory::InventoryChanged::KIND, 2),
    published("orders", order::AGGREGATE, order::OrderPlaced::KIND, 1),
    published("orders", order::AGGREGATE, order::OrderPaid::KIND, 2),
    published("orders", order::AGGREGATE, order::OrderFulfilled::KIND, 2),
    published("orders", order::AGGREGATE, order::OrderCancelled::KIND, 2),
    published("orders", order::AGGREGATE, order::OrderRefunded::KIND, 2),
    published("webhooks", webhook_endpoint::AGGREGATE, webhook_endpoint::WebhookEndpointDisabled::KIND, 1),
];

/// Kinds that stay within their role. They are in its log, so they take a sequence, and whoever follows the log counts
/// them; their payloads are nobody else's.
pub const PRIVATE: &[&str] = &[
    "order.created",
    "order.payment_authorised",
    "order.abandoned",
    "order.capture_requested",
    "order.capture_failed",
    "order.refund_requested",
    "order.refund_failed",
    "order.cancel_requested",
    "order.payment_voided",
    "order.cancel_failed",
    "order.customer_erased",
];

/// Every kind that a log can hold: for whoever follows whole logs.
pub fn every_kind() -> &'static [&'static str] {
    static KINDS: LazyLock<Vec<&str>> =
        LazyLock::new(|| REGISTRY.iter().map(|event| event.kind).chain(PRIVATE.iter().copied()).collect());
    &KINDS
}

/// The entry of a kind.
pub fn find(kind: &str) -> Option<&'static EventType> {
    REGISTRY.iter().find(|event| event.kind == kind)
}

const fn published(role: &'static str, aggregate: &'static str, kind: &'static str, payload_version: u32) -> EventType {
    EventType { kind, aggregate, role, payload_version }
}
