//! The webhooks role through its router, on a real PostgreSQL, with real receivers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod endpoints;
mod failing;

mod order;
mod receiver;

mod schema;
mod support;
