//! The stream over a real socket: who sees what, that nothing is lost or doubled, and that no client costs the others.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod clients;
mod examples;
mod order;
mod support;
