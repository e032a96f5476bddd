//! The public surface, one file an operation.

pub mod add_line_item;
pub mod cancel_order;
pub mod capture_payment;
pub mod complete_cart;
pub mod create_cart;
pub mod create_fulfillment;
pub mod create_payment_session;
pub mod create_refund;
pub mod get_admin_order;
pub mod get_cart;
pub mod get_order;
pub mod list_admin_orders;
pub mod list_order_events;
pub mod list_orders;
pub mod list_shipping_options;
pub mod remove_line_item;
pub mod set_shipping_option;
mod summary;
pub mod take_stripe_notice;
pub mod update_cart;
pub mod update_line_item;

use std::sync::Arc;

use kernel::{Failure, Scope};
use runtime::http::{Policy, Role, Routes, routes};
use serde::{Deserialize, Deserializer};

use crate::Orders;
use crate::domain::contact::line;
use crate::view::fields::MAX_REASON;

/// The role's operations.
pub fn routes() -> Routes<Arc<Orders>> {
    Routes::new(Role::Orders)
        .add(routes!(create_cart::create_cart), Policy::optional())
        .add(routes!(get_cart::get_cart), Policy::optional())
        .add(routes!(update_cart::update_cart), Policy::optional())
        .add(routes!(add_line_item::add_line_item), Policy::optional())
        .add(routes!(update_line_item::update_line_item), Policy::optional())
        .add(routes!(remove_line_item::remove_line_item), Policy::optional())
        .add(routes!(list_shipping_options::list_shipping_options), Policy::optional())
        .add(routes!(set_shipping_option::set_shipping_option), Policy::optional())
        .add(routes!(create_payment_session::create_payment_session), Policy::optional())
        .add(routes!(complete_cart::complete_cart), Policy::optional())
        .add(routes!(take_stripe_notice::take_stripe_notice), take_stripe_notice::policy())
        .add(routes!(list_orders::list_orders), Policy::customer())
        .add(routes!(get_order::get_order), Policy::customer())
        .add(routes!(list_order_events::list_order_events), Policy::customer())
        .add(routes!(list_admin_orders::list_admin_orders), Policy::scope(Scope::ReadOrders))
        .add(routes!(get_admin_order::get_admin_order), Policy::scope(Scope::ReadOrders))
        .add(routes!(create_fulfillment::create_fulfillment), Policy::scope(Scope::WriteOrders))
        .add(routes!(cancel_order::cancel_order), Policy::scope(Scope::WriteOrders))
        .add(routes!(create_refund::create_refund), Policy::scope(Scope::WriteOrders))
        .add(routes!(capture_payment::capture_payment), Policy::scope(Scope::WriteOrders))
}

/// A field of a change that is there, whatever its value: `null` takes it away. Together with `default` it tells `null`
/// from a field that is not there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The reason that a request gives, checked.
fn reason(text: Option<String>) -> Result<Option<String>, Failure> {
    let checked = text.map(|text| line("reason", &text, MAX_REASON)).transpose();
    checked.map_err(|error| Failure::invalid(vec![error]))
}
