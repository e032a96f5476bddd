//! SQL, one file an aggregate. Functions take a connection and know no rules but those of the schema.

pub mod categories;
pub mod export;
pub mod findings;
pub mod import;
pub mod imports;
pub mod levels;
pub mod listing;
pub mod prices;
pub mod products;
pub mod reservations;
pub mod variants;
