//! Roles behind the edge, on listeners of their own.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod balance;
mod bodies;
mod degraded;
mod fixture;
mod repeats;
mod tls;
