//! Between roles: what a process shows its peers, and what it asks of them, where roles run apart.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | the settings `[internal]` |
//! | [`entry`] | the outermost layer of the internal listener: the internal token, and what a peer passes on |
//! | [`tls`] | TLS between processes, by PEM files |
//!
//! A peer is known by a token of the shared secret ([`crypto::InternalSigner`]); TLS keeps what is said from others, and with
//! `mutual` a peer shows a certificate as well.

pub mod config;
pub mod entry;
pub mod tls;

pub use config::{InternalConfig, TlsFiles};
pub use entry::{Caller, Peers};
pub use tls::TlsError;

use http::HeaderName;

/// The header that carries the internal token.
pub const TOKEN: HeaderName = HeaderName::from_static("x-tradepost-internal");
/// The header that says how many milliseconds the caller still waits.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-tradepost-deadline-ms");
