//! The token by which the roles know each other: a JWT (HS256) of a minute, made from a secret that all of them share.
//!
//! It says which role calls, to whoever serves the shop's internal listeners, and nothing else: who the user is stands in
//! the access token, which the role checks as well.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::{Clock, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::KeyConfigError;
use crate::token::{LEEWAY, TokenError};

/// How long a token is good for: what somebody who captured one has.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// A token is used for so long, then a new one is made: it never expires on its way.
const REUSED_FOR: TimeDelta = TimeDelta::seconds(20);
/// Fewest bytes of the secret.
const MIN_SECRET_BYTES: usize = 32;
/// A longer text is refused unread; our own tokens have some 200 bytes.
const MAX_TOKEN_LEN: usize = 1024;
/// Whom the tokens are for.
const AUDIENCE: &str = "tradepost-internal";
/// The header's type, so that no other JWT passes for an internal token.
const TOKEN_TYPE: &str = "tradepost-internal+jwt";

#[derive(Serialize, Deserialize)]
struct Payload {
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// Makes the tokens that a role shows its peers. Cheap to clone.
#[derive(Clone)]
pub struct InternalSigner(Arc<Signer>);

struct Signer {
    role: String,
    key: EncodingKey,
    clock: Clock,
    /// The newest token, and from when on it is not used any more.
    current: ArcSwapOption<(i64, Arc<str>)>,
}

impl InternalSigner {
    /// The signer of the role of this name. `secret` is the base64 of 32 bytes or more.
    pub fn new(secret: &Secret, role: &str, clock: Clock) -> Result<Self, KeyConfigError> {
        let key = EncodingKey::from_secret(&bytes("internal.secret", secret)?);
        Ok(Self(Arc::new(Signer { role: role.to_owned(), key, clock, current: ArcSwapOption::empty() })))
    }

    /// A token that is good for at least another half a minute.
    #[expect(clippy::expect_used, reason = "plain claims signed with a symmetric key: there is nothing that can fail")]
    pub fn token(&self) -> Arc<str> {
        let now = self.0.clock.now();
        if let Some(current) = &*self.0.current.load()
            && now.timestamp() < current.0
        {
            return Arc::clone(&current.1);
        }
        let header = Header { typ: Some(TOKEN_TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let payload = Payload {
            sub: self.0.role.clone(),
            aud: AUDIENCE.to_owned(),
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
        };
        let token: Arc<str> = jsonwebtoken::encode(&header, &payload, &self.0.key).expect("a signed token").into();
        self.0.current.store(Some(Arc::new(((now + REUSED_FOR).timestamp(), Arc::clone(&token)))));
        token
    }
}

impl fmt::Debug for InternalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternalSigner").field("role", &self.0.role).finish_non_exhaustive()
    }
}

/// Checks the tokens of peers. Cheap to clone.
#[derive(Clone)]
pub struct InternalVerifier(Arc<Verifier>);

struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    clock: Clock,
}

impl InternalVerifier {
    /// A verifier of tokens made from `secret` or, while the secret is being changed, from `previous`.
    pub fn new(secret: &Secret, previous: Option<&Secret>, clock: Clock) -> Result<Self, KeyConfigError> {
        let mut keys = vec![DecodingKey::from_secret(&bytes("internal.secret", secret)?)];
        if let Some(previous) = previous {
            keys.push(DecodingKey::from_secret(&bytes("internal.previous_secret", previous)?));
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["aud", "sub", "exp"]);
        // Time is checked here, by the clock that was handed in.
        validation.validate_exp = false;
        Ok(Self(Arc::new(Verifier { keys, validation, clock })))
    }

    /// The name of the role that made `token`, if it is good.
    pub fn verify(&self, token: &str) -> Result<String, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.typ.as_deref() != Some(TOKEN_TYPE) || header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let payload = self.payload(token)?;
        let now = self.0.clock.now();
        if payload.exp - payload.iat > LIFETIME.num_seconds() {
            return Err(TokenError::Malformed);
        }
        if payload.iat > (now + LEEWAY).timestamp() {
            return Err(TokenError::NotYetValid);
        }
        if payload.exp <= (now - LEEWAY).timestamp() {
            return Err(TokenError::Expired);
        }
        Ok(payload.sub)
    }

    /// What the token says, if one of the keys made it.
    fn payload(&self, token: &str) -> Result<Payload, TokenError> {
        let mut refusal = TokenError::BadSignature;
        for key in &self.0.keys {
            match jsonwebtoken::decode::<Payload>(token, key, &self.0.validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    ErrorKind::InvalidAudience => refusal = TokenError::WrongAudience,
                    _ => refusal = TokenError::Malformed,
                },
            }
        }
        Err(refusal)
    }
}

impl fmt::Debug for InternalVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternalVerifier").field("keys", &self.0.keys.len()).finish_non_exhaustive()
    }
}

fn bytes(name: &str, secret: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyConfigError> {
    let decoded = STANDARD.decode(secret.expose()).map_err(|_| KeyConfigError::NotBase64(name.to_owned()))?;
    if decoded.len() < MIN_SECRET_BYTES {
        return Err(KeyConfigError::TooShort { id: name.to_owned(), length: decoded.len() });
    }
    Ok(Zeroizing::new(decoded))
}
