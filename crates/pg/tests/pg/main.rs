//! Pools, logins, migrations and the rules of the catalogue, on a real PostgreSQL.

mod bootstrap;
mod catalogue;
mod failures;
mod migrate;
mod support;
