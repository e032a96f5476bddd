//! Checks access tokens.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::DateTime;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use kernel::{Clock, Scopes};
use moka::sync::Cache;
use serde::Deserialize;
use uuid::Uuid;

use crate::ended::EndedSessions;
use crate::error::KeyConfigError;
use crate::primitives::sha256;
use crate::token::{ACCESS_TOKEN_SECONDS, Jwks, LEEWAY, TOKEN_TYPE, TokenError, VerifiedToken, is_p256};

/// Tokens remembered at the most: a few megabytes.
const REMEMBERED_TOKENS: u64 = 20_000;

/// A longer text is refused unread; our own tokens have some 600 bytes.
const MAX_TOKEN_LEN: usize = 4096;

/// Checks access tokens against a key set, and remembers good ones until they expire. Clones share both.
#[derive(Clone)]
pub struct TokenVerifier(Arc<Inner>);

struct Inner {
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    validation: Validation,
    clock: Clock,
    /// By SHA-256, so that no token that could be used lies in memory.
    good: Cache<[u8; 32], Arc<VerifiedToken>>,
    ended: Arc<EndedSessions>,
}

/// The claims that are read here; issuer and audience are checked by the library.
#[derive(Deserialize)]
struct Payload {
    sub: Uuid,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    client_id: String,
    scope: String,
    sid: Uuid,
}

impl TokenVerifier {
    /// A verifier of tokens of `issuer` for `audience`. Keys in the set that are not for ES256 are left out.
    pub fn new(jwks: &Jwks, issuer: &str, audience: &str, clock: Clock) -> Result<Self, KeyConfigError> {
        let verifier = Self::without_keys(issuer, audience, clock);
        verifier.set_keys(jwks)?;
        Ok(verifier)
    }

    /// A verifier that refuses every token until it is given keys.
    pub fn without_keys(issuer: &str, audience: &str, clock: Clock) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // Time is checked here, by the clock that was handed in.
        validation.validate_exp = false;

        let lifetime = Duration::from_secs(ACCESS_TOKEN_SECONDS.unsigned_abs());
        let good = Cache::builder().max_capacity(REMEMBERED_TOKENS).time_to_live(lifetime).build();
        Self(Arc::new(Inner { keys: ArcSwap::default(), validation, clock, good, ended: Arc::default() }))
    }

    /// Takes these keys from now on, in all clones. Tokens of a key that is not among them any more are refused.
    pub fn set_keys(&self, jwks: &Jwks) -> Result<(), KeyConfigError> {
        let mut keys = HashMap::new();
        for jwk in &jwks.keys {
            if let (true, Some(id), Ok(key)) = (is_p256(jwk), &jwk.common.key_id, DecodingKey::from_jwk(jwk)) {
                keys.insert(id.clone(), key);
            }
        }
        if keys.is_empty() {
            return Err(KeyConfigError::NoVerifyingKey);
        }
        let is_gone = self.0.keys.load().keys().any(|id| !keys.contains_key(id));
        self.0.keys.store(Arc::new(keys));
        if is_gone {
            self.0.good.invalidate_all();
        }
        Ok(())
    }

    /// Whether it has any keys.
    pub fn has_keys(&self) -> bool {
        !self.0.keys.load().is_empty()
    }

    /// The sessions whose tokens are refused. Clones of this verifier share them.
    pub fn ended_sessions(&self) -> &Arc<EndedSessions> {
        &self.0.ended
    }

    /// Checks a token: type, algorithm, signature, issuer, audience, time; and that its session has not ended.
    pub fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let verified = self.verify_alone(token)?;
        if self.0.ended.has(verified.session) { Err(TokenError::SessionEnded) } else { Ok(verified) }
    }

    fn verify_alone(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::Malformed);
        }
        let hash = sha256(token.as_bytes());
        if let Some(known) = self.0.good.get(&hash) {
            if self.has_expired(&known) {
                self.0.good.invalidate(&hash);
                return Err(TokenError::Expired);
            }
            return Ok(known);
        }
        let verified = Arc::new(self.check(token)?);
        self.0.good.insert(hash, Arc::clone(&verified));
        Ok(verified)
    }

    fn check(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if !is_access_token(&header) {
            return Err(TokenError::Malformed);
        }
        let keys = self.0.keys.load();
        let key = header.kid.and_then(|id| keys.get(&id)).ok_or(TokenError::UnknownKey)?;
        let payload = jsonwebtoken::decode::<Payload>(token, key, &self.0.validation).map_err(|e| refusal(&e))?.claims;

        let latest_start = (self.0.clock.now() + LEEWAY).timestamp();
        if payload.iat > latest_start || payload.nbf.is_some_and(|from| from > latest_start) {
            return Err(TokenError::NotYetValid);
        }
        let verified = VerifiedToken {
            user_id: payload.sub,
            session: payload.sid,
            client_id: payload.client_id,
            scopes: Scopes::parse(&payload.scope),
            expires_at: DateTime::from_timestamp(payload.exp, 0).ok_or(TokenError::Malformed)?,
        };
        if self.has_expired(&verified) { Err(TokenError::Expired) } else { Ok(verified) }
    }

    fn has_expired(&self, token: &VerifiedToken) -> bool {
        self.0.clock.now() - LEEWAY >= token.expires_at
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("keys", &self.0.keys.load().keys()).finish_non_exhaustive()
    }
}

/// The one algorithm, the one type, and no extension that would have to be understood (`crit`).
fn is_access_token(header: &Header) -> bool {
    let kind = header.typ.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix("application/").unwrap_or(kind);
    header.alg == Algorithm::ES256 && kind.eq_ignore_ascii_case(TOKEN_TYPE) && header.crit.is_none()
}

fn refusal(error: &Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        _ => TokenError::Malformed,
    }
}
