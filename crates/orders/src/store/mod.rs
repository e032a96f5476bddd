//! SQL, one file an aggregate.

pub mod carts;
pub mod checkouts;
pub mod data_keys;
pub mod health;
pub mod order_list;
pub mod orders;
pub mod payment_notices;
pub mod payment_sessions;
pub mod projection;
pub mod rates;

use crate::error::Error;

/// A stored text as the word that it must be.
pub(crate) fn word<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Stored(format!("`{text}` is no {what}")))
}
