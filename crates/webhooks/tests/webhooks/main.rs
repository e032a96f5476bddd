//! The webhooks role through its router, on a real PostgreSQL, with real receivers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod addresses;
mod endpoints;
mod failing;
mod instances;
mod libraries;

mod order;
mod receiver;
mod receivers;
mod redelivery;

mod schema;
mod support;
