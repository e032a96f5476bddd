//! SQL of the role. Sealed cells are sealed and opened here, so that no other room sees them.

pub mod addresses;
pub mod data_keys;
pub mod health;
pub mod sessions;
pub mod users;

use crypto::{Cell, PersonKey};

/// Opens a sealed text. A cell that does not open is a row that cannot be read.
fn open_text(key: &PersonKey, cell: Cell, sealed: &[u8]) -> Result<String, sqlx::Error> {
    let bytes = key.open(cell, sealed).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(unreadable)
}

/// A value in the database that this release does not understand.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
