//! Words that every part of Tradepost shares. No I/O and no async live here.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | new identifiers: time-ordered for rows, random for capabilities |
//! | [`money`] | amounts in minor units with an ISO 4217 currency |
//! | [`page`] | keyset pages and their opaque cursors |
//! | [`country`] | ISO 3166 countries |
//! | [`clock`] | the time, replaceable in tests |
//! | [`failure`] | what went wrong, as kind + stable code + public message |
//! | [`context`] | who asks, for which request, until when |
//! | [`secret`] | configured secrets, which are never printed |
//! | [`text`] | rules for text that comes from outside |

pub mod clock;
pub mod context;
pub mod country;
pub mod failure;
pub mod id;
pub mod money;
pub mod page;
pub mod secret;
pub mod text;

pub use clock::Clock;
pub use context::{Actor, Context, IdempotencyKey, Scope, Scopes};
pub use country::{COUNTRIES, Country};
pub use failure::{ErrorKind, Failure, FieldError};
pub use money::{Currency, Money};
pub use page::{Cursor, Page, PageRequest};
pub use secret::Secret;
