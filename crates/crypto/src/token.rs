//! What an access token says, its settings and its errors.
//!
//! Access tokens are JWTs in the profile of RFC 9068: `typ: at+jwt`, signed with ES256, good for 15 minutes. The claim
//! `sid` names the session, that is the family of refresh tokens that this token came from.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use kernel::{ErrorKind, Failure, Scopes, Secret};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

pub use jsonwebtoken::jwk::JwkSet as Jwks;

/// How long an access token is good for.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

/// How far the clocks of issuer and verifier may differ.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// The header's type, as RFC 9068 asks, so that no other JWT of the same issuer passes for an access token.
pub(crate) const TOKEN_TYPE: &str = "at+jwt";

/// Whether a key is on the curve of ES256.
pub(crate) fn is_p256(key: &Jwk) -> bool {
    matches!(&key.algorithm, AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256)
}

/// Settings of the token signer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// The claim `iss`: the public address of this installation.
    pub issuer: String,
    /// The claim `aud`: the API that the tokens are for.
    pub audience: String,
    /// The private key: PKCS#8 PEM, curve P-256 ([`TokenSigner::generate_pem`](crate::TokenSigner::generate_pem)).
    pub signing_key: Secret,
    /// Public keys (PEM) of earlier signing keys, kept for as long as tokens of theirs are good.
    pub previous_public_keys: Vec<String>,
}

/// For whom a token is issued, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user.
    pub user_id: Uuid,
    /// The session (family of refresh tokens).
    pub session: Uuid,
    /// The OAuth client.
    pub client_id: String,
    /// What the token allows.
    pub scopes: Scopes,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The user.
    pub user_id: Uuid,
    /// The session (family of refresh tokens).
    pub session: Uuid,
    /// The OAuth client.
    pub client_id: String,
    /// What the token allows.
    pub scopes: Scopes,
    /// From then on it is not good any more.
    pub expires_at: DateTime<Utc>,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not an access token: not a JWT, another type or algorithm, a claim is missing.
    #[error("not an access token")]
    Malformed,
    /// Signed with a key that is not in the key set.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit: altered or forged.
    #[error("the signature does not fit")]
    BadSignature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its session has ended: signed out, suspended, or another password.
    #[error("the session has ended")]
    SessionEnded,
    /// Issued by somebody else.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// Issued for something else.
    #[error("the token is for another audience")]
    WrongAudience,
}

impl From<TokenError> for Failure {
    /// 401 `TOKEN_EXPIRED` (refresh it) or 401 `INVALID_TOKEN` (sign in again). More would help only a forger.
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Expired => {
                Failure::new(ErrorKind::Unauthenticated, "TOKEN_EXPIRED", "The access token has expired")
            }
            _ => Failure::new(ErrorKind::Unauthenticated, "INVALID_TOKEN", "The access token is not valid"),
        }
    }
}
