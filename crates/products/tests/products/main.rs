//! The products role from outside: GraphQL through the router, the contract, the schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod cache;
mod catalog;
mod http_protocol;
mod imports;
mod limits;
mod linearizable;
mod listing;
mod replica;
mod schema;
mod shared_cache;
mod statements;
mod stock;
mod support;
