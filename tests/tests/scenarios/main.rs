//! What a shop must hold, from the outside.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod concurrency;
mod doctor;
mod logins;
mod privacy;
mod purchase;
mod route_table;
mod stream;
mod webhooks;
