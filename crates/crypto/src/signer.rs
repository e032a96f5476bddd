//! Issues access tokens and publishes the public keys.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use kernel::{Clock, Secret};
use pem::Pem;
use serde::Serialize;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::error::KeyConfigError;
use crate::token::{ACCESS_TOKEN_SECONDS, Claims, Jwks, TOKEN_TYPE, TokenConfig, is_p256};

const PRIVATE_KEY: &str = "PRIVATE KEY";
const PUBLIC_KEY: &str = "PUBLIC KEY";

/// Issues access tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenSigner(Arc<Inner>);

struct Inner {
    issuer: String,
    audience: String,
    header: Header,
    key: EncodingKey,
    public_pem: String,
    jwks: Jwks,
    clock: Clock,
}

/// The claims as they stand in the token.
#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    exp: i64,
    iat: i64,
    jti: Uuid,
    client_id: &'a str,
    scope: String,
    sid: Uuid,
}

impl TokenSigner {
    /// Reads the configured keys.
    pub fn new(config: &TokenConfig, clock: Clock) -> Result<Self, KeyConfigError> {
        let der = private_der(&config.signing_key)?;
        let bad_key = |_| KeyConfigError::BadSigningKey;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(bad_key)?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key());
        let public = public.map_err(|_| KeyConfigError::BadSigningKey)?;
        let public_pem = pem::encode(&Pem::new(PUBLIC_KEY, public.as_ref()));

        let current = public_jwk(&public_pem).ok_or(KeyConfigError::BadSigningKey)?;
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: current.common.key_id.clone(),
            ..Header::new(Algorithm::ES256)
        };
        let mut keys = vec![current];
        for (at, pem) in config.previous_public_keys.iter().enumerate() {
            let jwk = public_jwk(pem).ok_or(KeyConfigError::BadPublicKey(at + 1))?;
            if !keys.contains(&jwk) {
                keys.push(jwk);
            }
        }
        Ok(Self(Arc::new(Inner {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            header,
            key: EncodingKey::from_ec_der(&der),
            public_pem,
            jwks: Jwks { keys },
            clock,
        })))
    }

    /// A new private key, for [`TokenConfig::signing_key`].
    #[expect(clippy::expect_used, reason = "making a key fails only where memory or the random generator do")]
    pub fn generate_pem() -> Secret {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a new key");
        let der = pair.to_pkcs8v1().expect("a new key has a PKCS#8 form");
        let block = Pem::new(PRIVATE_KEY, der.as_ref());
        let text = pem::encode(&block);
        block.into_contents().zeroize();
        text.into()
    }

    /// A new access token.
    #[expect(clippy::expect_used, reason = "`new` has read the key as one for ES256, and the claims are plain values")]
    pub fn issue(&self, claims: &Claims) -> String {
        let issued_at = self.0.clock.now().timestamp();
        let payload = Payload {
            iss: &self.0.issuer,
            aud: &self.0.audience,
            sub: claims.user_id,
            exp: issued_at + ACCESS_TOKEN_SECONDS,
            iat: issued_at,
            jti: Uuid::new_v4(),
            client_id: &claims.client_id,
            scope: claims.scopes.to_string(),
            sid: claims.session,
        };
        jsonwebtoken::encode(&self.0.header, &payload, &self.0.key).expect("signing plain claims with a checked key")
    }

    /// The public keys that tokens can be checked with: this signer's first, then the previous ones.
    pub fn jwks(&self) -> &Jwks {
        &self.0.jwks
    }

    /// The public key in PEM: to go on among [`TokenConfig::previous_public_keys`] after a rotation.
    pub fn public_pem(&self) -> &str {
        &self.0.public_pem
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0.header.kid.as_deref();
        f.debug_struct("TokenSigner").field("issuer", &self.0.issuer).field("key", &key).finish_non_exhaustive()
    }
}

fn private_der(text: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyConfigError> {
    let block = pem::parse(text.expose()).map_err(|_| KeyConfigError::BadSigningKey)?;
    Ok(Zeroizing::new(block.into_contents()))
}

/// The key as it is published, if it is one. Its id is its thumbprint (RFC 7638), so that none has to be configured.
fn public_jwk(pem: &str) -> Option<Jwk> {
    let key = DecodingKey::from_ec_pem(pem.as_bytes()).ok()?;
    let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::ES256)).ok().filter(is_p256)?;
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
    Some(jwk)
}
