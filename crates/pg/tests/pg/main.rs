//! Pools, logins, migrations and the rules of the catalogue, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bootstrap;
mod catalogue;
mod failures;
mod migrate;
mod support;
