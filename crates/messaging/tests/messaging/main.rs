//! The event log, its relay and consumers, and idempotent requests, on a real PostgreSQL.

mod consumers;
mod idempotency;
mod order;
mod relay;
mod schema;
mod support;
