//! What a cart and an order are and may do. No I/O: time, quotes and rates come in as values.
//!
//! | module | holds |
//! |---|---|
//! | [`pricing`] | sums, tax, rounding, splits |
//! | [`rates`] | tax and shipping by country |
//! | [`contact`] | e-mail and addresses |
//! | [`cart`] | the cart and its changes |
//! | [`offer`] | a cart priced, with what keeps it from being ordered |
//! | [`order`] | the order as the fold of its events |
//! | [`order_state`] | where it, its payments and its refunds stand |
//! | [`order_event`] | those events |
//! | [`order_rules`] | what may be done to an order, and what is left to do |

pub mod cart;
pub mod contact;
pub mod offer;
pub mod order;
pub mod order_event;
pub mod order_rules;
pub mod order_state;
pub mod pricing;
pub mod rates;
