//! PostgreSQL: pools, failures, migrations, logins, and what every schema must keep to.
//!
//! | module | holds |
//! |---|---|
//! | [`db`] | [`Db`]: the pools of one role, with their configuration and metrics |
//! | [`failure`](mod@failure) | a database error as the failure that callers see |
//! | [`schema`] | [`Schema`]: a role's migrations and what its runtime login may touch |
//! | [`migrate`] | up, down and status, one at a time, with a lock timeout |
//! | [`bootstrap`] | makes a role's database and its three logins |
//! | [`catalogue`] | rules that every table keeps to, asked from the database itself |

pub mod bootstrap;
pub mod catalogue;
pub mod db;
pub mod failure;
pub mod migrate;
pub mod schema;

pub use db::{DatabaseConfig, Db, Server, Tx};
pub use failure::{failure, violated_constraint};
pub use schema::{Grant, Schema};
