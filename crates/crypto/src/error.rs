//! What can be wrong with sealed values and with configured keys.

use thiserror::Error;

/// A sealed value or a wrapped key cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CryptoError {
    /// The key-encryption key is not configured (any more).
    #[error("the key-encryption key `{0}` is not in the keyring")]
    UnknownKey(String),
    /// Altered, or sealed under another key, for another person or another place.
    #[error("the sealed value does not open: it was altered, or sealed for another place")]
    DoesNotOpen,
    /// Too short, or of a version that this release does not know.
    #[error("not a sealed value of a known version")]
    UnknownFormat,
}

/// A key in the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyConfigError {
    /// The active key-encryption key is not among the keys.
    #[error("the active key `{0}` is not among the keys of the keyring")]
    NoActiveKey(String),
    /// Ids stand in sealed values and in environment variables, so they are kept short and plain.
    #[error("`{0}` is not a key id: 1 to 32 of a-z, 0-9, `-` and `_`")]
    BadKeyId(String),
    /// Not base64.
    #[error("the key `{0}` is not base64 (make one with `openssl rand -base64 32`)")]
    NotBase64(String),
    /// Base64, but not of 32 bytes.
    #[error("the key `{id}` has {length} bytes, not 32 (make one with `openssl rand -base64 32`)")]
    WrongLength {
        /// Which key.
        id: String,
        /// Its length in bytes.
        length: usize,
    },
    /// Base64, but of fewer than 32 bytes.
    #[error("`{id}` has {length} bytes; it takes 32 or more (make one with `openssl rand -base64 32`)")]
    TooShort {
        /// Which setting.
        id: String,
        /// Its length in bytes.
        length: usize,
    },
    /// Two names for one key would make a rotation that changes nothing.
    #[error("the keys `{0}` and `{1}` are the same")]
    SameKey(String, String),
    /// The private key of the token signer is not usable.
    #[error("the token signing key is not a PKCS#8 PEM private key on the curve P-256")]
    BadSigningKey,
    /// A public key of an earlier signer is not usable.
    #[error("previous token key number {0} is not a PEM public key on the curve P-256")]
    BadPublicKey(usize),
    /// A key set has no key that access tokens can be checked with.
    #[error("the key set has no ES256 key with a key id")]
    NoVerifyingKey,
}
