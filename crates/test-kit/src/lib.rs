//! Test support. Knows the ground, but no role: so a role's tests need no other role to compile.
//!
//! | module | holds |
//! |---|---|
//! | [`authority`] | [`Authority`]: certificates for TLS between processes |
//! | [`db`] | [`TestDb`]: a migrated database for one test |
//! | [`broker`] | [`TestBroker`]: an exchange of a real broker for one test; [`PrivateBroker`]: one to be stopped and killed |
//! | [`replica`] | [`Replicated`]: a role's database on a server of its own, with a streaming replica |
//! | [`redis`] | the tests' Redis, and [`PrivateRedis`]: one that a test may freeze and kill |
//! | [`stripe`] | a stand-in for Stripe that fails when told to |

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

pub mod authority;
pub mod broker;
pub mod db;
pub mod redis;
pub mod replica;
pub mod stripe;

pub use authority::{Authority, Certificate};
pub use broker::{PrivateBroker, TestBroker};
pub use db::TestDb;
pub use redis::PrivateRedis;
pub use replica::Replicated;
