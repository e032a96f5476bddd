//! A whole shop for a test, over HTTP, and the steps that scenarios are made of.
//!
//! [`TestShop::start`] makes the roles' databases and starts every role in this process behind real sockets, spread as a
//! [`Topology`] says. [`Buyer`] is a client: a guest, a customer or staff.

#![expect(clippy::expect_used, reason = "a test that cannot go on says so by its panic")]

mod buyer;
mod shop;
mod topology;

pub use buyer::{Answer, Buyer};
pub use shop::{TestShop, Variant, start_telemetry};
pub use topology::Topology;
