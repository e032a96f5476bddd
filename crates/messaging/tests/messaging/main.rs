//! The event log, its relay and consumers, and idempotent requests, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod consumers;
mod idempotency;
mod order;
mod proxy;
mod rabbitmq;
mod relay;
mod schema;
mod support;
