//! Everything that needs a key: field encryption, blind indexes, access tokens, random values.
//!
//! | module | holds |
//! |---|---|
//! | [`keyring`] | the key-encryption keys of an installation; wraps persons' keys, seals service data, blind index |
//! | [`person`] | a person's own data key, which seals the fields that tell who they are |
//! | [`token`] | what an access token says, its settings and its errors |
//! | [`signer`] | issues access tokens (ES256) and publishes the public keys |
//! | [`verifier`] | checks access tokens, and remembers good ones until they expire |
//! | [`ended`] | sessions that ended before their access tokens did |
//! | [`internal`] | the token by which the roles know each other |
//! | [`webhook`] | secrets and signatures of webhooks |
//! | [`primitives`] | random values, SHA-256, HMAC, comparison in constant time |
//! | [`error`] | what can be wrong with sealed values and with configured keys |
//!
//! Two levels of keys keep personal data. Each person has a random data key, which is stored wrapped by a key-encryption
//! key of the [`Keyring`]. Destroying the stored key erases the person; changing the key-encryption key means to wrap
//! the data keys anew, not to encrypt the data anew.

pub mod ended;
pub mod error;
pub mod internal;
pub mod keyring;
pub mod person;
pub mod primitives;
mod seal;
pub mod signer;
pub mod token;
pub mod verifier;
pub mod webhook;

pub use ended::EndedSessions;
pub use error::{CryptoError, KeyConfigError};
pub use internal::{InternalSigner, InternalVerifier};
pub use keyring::{Keyring, KeyringConfig};
pub use person::{Cell, PersonKey, WrappedKey};
pub use primitives::{constant_time_eq, hmac_sha256, random_bytes, random_token, sha256};
pub use signer::TokenSigner;
pub use token::{ACCESS_TOKEN_SECONDS, Claims, Jwks, LEEWAY, TokenConfig, TokenError, VerifiedToken};
pub use verifier::TokenVerifier;
pub use webhook::{WebhookSecret, webhook_signature};
