//! The orders role on a real database, with products, users and a payment provider that do as the tests say.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod carts;
mod checkout;
mod crashes;
mod erasure;
mod fakes;
mod lists;
mod schema;
mod staff;
mod stripe;
mod support;
