//! The users role through its router, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod addresses;
mod books;
mod documents;
mod erasure;
mod keys;
mod privacy;
mod profile;
mod registration;
mod schema;
mod sessions;
mod sign_in;
mod staff;
mod support;
