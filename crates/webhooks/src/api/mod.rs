//! The public surface, one file an operation.

pub mod create_endpoint;
pub mod delete_endpoint;
pub mod delivery_view;
pub mod disable_endpoint;
pub mod enable_endpoint;
mod fields;
pub mod get_delivery;
pub mod get_endpoint;
pub mod list_deliveries;
pub mod list_endpoints;
pub mod redeliver;
pub mod redeliver_range;
pub mod rotate_secret;
pub mod send_test;
pub mod update_endpoint;
pub mod view;

use std::sync::Arc;

use kernel::{FieldError, Scope};
use runtime::http::{Policy, Role, Routes, routes};
use serde::{Deserialize, Deserializer};

use crate::Webhooks;
use crate::domain::endpoint::MAX_DESCRIPTION;

/// The role's operations.
pub fn routes() -> Routes<Arc<Webhooks>> {
    let read = || Policy::scope(Scope::ReadWebhooks);
    let write = || Policy::scope(Scope::WriteWebhooks);
    Routes::new(Role::Webhooks)
        .add(routes!(list_endpoints::list_webhook_endpoints), read())
        .add(routes!(create_endpoint::create_webhook_endpoint), write())
        .add(routes!(get_endpoint::get_webhook_endpoint), read())
        .add(routes!(update_endpoint::update_webhook_endpoint), write())
        .add(routes!(delete_endpoint::delete_webhook_endpoint), write())
        .add(routes!(enable_endpoint::enable_webhook_endpoint), write())
        .add(routes!(disable_endpoint::disable_webhook_endpoint), write())
        .add(routes!(rotate_secret::rotate_webhook_secret), write())
        .add(routes!(send_test::send_test_webhook), write())
        .add(routes!(redeliver_range::redeliver_webhooks), write())
        .add(routes!(list_deliveries::list_webhook_deliveries), read())
        .add(routes!(get_delivery::get_webhook_delivery), read())
        .add(routes!(redeliver::redeliver_webhook), write())
}

/// Checks a description.
fn description(text: &str) -> Result<String, FieldError> {
    kernel::text::clean("description", text, 0, MAX_DESCRIPTION)
}

/// A field of a change that is there, whatever its value: `null` is refused. With `default` it tells `null` from a field
/// that is not there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
