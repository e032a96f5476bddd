//! The users role through its router, on a real PostgreSQL.

mod addresses;
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
