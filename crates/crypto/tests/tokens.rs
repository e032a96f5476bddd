//! Access tokens: ours are accepted while they are good, everything else is refused with the reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use crypto::{
    ACCESS_TOKEN_SECONDS, Claims, Jwks, KeyConfigError, TokenConfig, TokenError, TokenSigner, TokenVerifier, sha256,
};
use jsonwebtoken::{Algorithm, EncodingKey};
use kernel::{Clock, ErrorKind, Failure, Scope, Secret};
use pem::Pem;
use serde_json::{Value, json};
use uuid::Uuid;

const ISSUER: &str = "https://shop.example";
const AUDIENCE: &str = "tradepost";

/// An installation with its signing key.
struct Shop {
    config: TokenConfig,
    clock: Clock,
    signer: TokenSigner,
    verifier: TokenVerifier,
}

impl Shop {
    fn new() -> Self {
        let config = TokenConfig {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            signing_key: TokenSigner::generate_pem(),
            previous_public_keys: Vec::new(),
        };
        let clock = Clock::system();
        let signer = TokenSigner::new(&config, clock.clone()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), ISSUER, AUDIENCE, clock.clone()).unwrap();
        Self { config, clock, signer, verifier }
    }

    /// A good token as header and claims, to be changed and signed again.
    fn parts(&self) -> (Value, Value) {
        let token = self.signer.issue(&claims());
        let part = |at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap());
        (part(0).unwrap(), part(1).unwrap())
    }

    /// Signs whatever it is given with the shop's own key.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let key = EncodingKey::from_ec_pem(self.config.signing_key.expose().as_bytes()).unwrap();
        let message = unsigned(header, claims);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }

    fn refusal(&self, token: &str) -> TokenError {
        self.verifier.verify(token).unwrap_err()
    }

    /// The refusal of a properly signed token, one claim of which was changed (or taken away by null).
    fn refusal_with(&self, claim: &str, value: &Value) -> TokenError {
        let (header, mut claims) = self.parts();
        claims[claim] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        }
        self.refusal(&self.sign(&header, &claims))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn claims() -> Claims {
    Claims {
        user_id: Uuid::from_u128(1),
        session: Uuid::from_u128(2),
        client_id: "storefront".to_owned(),
        scopes: [Scope::Customer, Scope::ReadOrders].into_iter().collect(),
    }
}

#[test]
fn an_issued_token_says_what_it_was_issued_for() {
    let shop = Shop::new();
    let before = shop.clock.now();
    let token = shop.verifier.verify(&shop.signer.issue(&claims())).unwrap();
    assert_eq!(token.user_id, claims().user_id);
    assert_eq!(token.session, claims().session);
    assert_eq!(token.client_id, "storefront");
    assert_eq!(token.scopes, claims().scopes);
    let lifetime = token.expires_at - before;
    assert!((ACCESS_TOKEN_SECONDS - 1..=ACCESS_TOKEN_SECONDS).contains(&lifetime.num_seconds()), "{lifetime}");
}

#[test]
fn a_token_has_the_header_and_claims_of_rfc_9068() {
    let shop = Shop::new();
    let (header, claims) = shop.parts();
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "ES256", "kid": shop.signer.jwks().keys[0].common.key_id}));
    assert_eq!(names(&claims), ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sid", "sub"]);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(AUDIENCE)));
    assert_eq!(claims["scope"], "customer orders:read");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), ACCESS_TOKEN_SECONDS);
    assert_ne!(claims["jti"], shop.parts().1["jti"]);
    // The parts signed again by the test's own means are accepted, so that the refusals below are for what they change.
    assert!(shop.verifier.verify(&shop.sign(&header, &claims)).is_ok());
}

#[test]
fn a_token_is_refused_after_its_time_also_when_it_is_remembered() {
    let shop = Shop::new();
    let token = shop.signer.issue(&claims());
    shop.clock.advance(TimeDelta::seconds(ACCESS_TOKEN_SECONDS - 5));
    assert!(shop.verifier.verify(&token).is_ok());
    assert!(shop.verifier.verify(&token).is_ok());
    shop.clock.advance(TimeDelta::seconds(10));
    assert_eq!(shop.refusal(&token), TokenError::Expired);
    assert_eq!(shop.refusal(&token), TokenError::Expired);
    let fresh = TokenVerifier::new(shop.signer.jwks(), ISSUER, AUDIENCE, shop.clock.clone()).unwrap();
    assert_eq!(fresh.verify(&token).unwrap_err(), TokenError::Expired);
}

#[test]
fn a_token_of_another_time_place_or_purpose_is_refused() {
    let shop = Shop::new();
    let soon = json!(shop.clock.now().timestamp() + 60);
    assert_eq!(shop.refusal_with("iat", &soon), TokenError::NotYetValid);
    assert_eq!(shop.refusal_with("nbf", &soon), TokenError::NotYetValid);
    assert_eq!(shop.refusal_with("iss", &json!("https://elsewhere.example")), TokenError::WrongIssuer);
    assert_eq!(shop.refusal_with("aud", &json!("another-api")), TokenError::WrongAudience);
    assert_eq!(shop.refusal_with("aud", &json!(["another-api"])), TokenError::WrongAudience);
    for claim in ["iss", "aud", "sub", "exp", "iat", "client_id", "scope", "sid"] {
        assert_eq!(shop.refusal_with(claim, &Value::Null), TokenError::Malformed, "without {claim}");
    }
    // Good in every way, but so long that it is not even read.
    assert_eq!(shop.refusal_with("client_id", &json!("a".repeat(4000))), TokenError::Malformed);
    for bad in [json!("nobody"), json!(1), json!({})] {
        assert_eq!(shop.refusal_with("sub", &bad), TokenError::Malformed);
    }
    for bad in [json!(i64::MAX), json!("tomorrow"), json!(1e300)] {
        assert_eq!(shop.refusal_with("exp", &bad), TokenError::Malformed, "{bad}");
    }
}

#[test]
fn an_altered_token_is_refused() {
    let shop = Shop::new();
    let token = shop.signer.issue(&claims());
    let (header, mut payload) = shop.parts();
    payload["scope"] = json!("users:write");
    let signature = token.rsplit('.').next().unwrap();
    assert_eq!(shop.refusal(&format!("{}.{signature}", unsigned(&header, &payload))), TokenError::BadSignature);
    // Also when the true token is remembered already: every other character, one at a time.
    shop.verifier.verify(&token).unwrap();
    for at in 0..token.len() - 1 {
        let replacement = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let altered = format!("{}{replacement}{}", &token[..at], &token[at + 1..]);
        assert!(shop.verifier.verify(&altered).is_err(), "character {at}");
    }
}

#[test]
fn only_es256_with_a_key_of_the_shop_counts() {
    let shop = Shop::new();
    let (header, payload) = shop.parts();
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    // No signature at all.
    for none in ["none", "None", "NONE"] {
        let message = unsigned(&with("alg", json!(none)), &payload);
        assert_eq!(shop.refusal(&format!("{message}.")), TokenError::Malformed);
    }
    // The public key, which everybody knows, taken as a shared secret.
    let point = [&[4], coordinate(&shop, "x").as_slice(), &coordinate(&shop, "y")].concat();
    for secret in [shop.signer.public_pem().as_bytes(), &point] {
        let message = unsigned(&with("alg", json!("HS256")), &payload);
        let key = EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert_eq!(shop.refusal(&format!("{message}.{signature}")), TokenError::Malformed);
    }
    // A key of somebody else: under its own id, under ours, under none, or brought along in the header.
    let other = Shop::new();
    let (own_header, forged) = other.parts();
    assert_eq!(shop.refusal(&other.sign(&own_header, &forged)), TokenError::UnknownKey);
    assert_eq!(shop.refusal(&other.sign(&header, &forged)), TokenError::BadSignature);
    assert_eq!(shop.refusal(&other.sign(&json!({"typ": "at+jwt", "alg": "ES256"}), &forged)), TokenError::UnknownKey);
    let own = serde_json::to_value(&other.signer.jwks().keys[0]).unwrap();
    assert_eq!(shop.refusal(&other.sign(&with("jwk", own), &forged)), TokenError::BadSignature);
    // Signed by the shop, but not as an access token, or with a condition that nobody here understands.
    assert_eq!(shop.refusal(&shop.sign(&with("typ", json!("JWT")), &payload)), TokenError::Malformed);
    assert_eq!(shop.refusal(&shop.sign(&with("crit", json!(["b64"])), &payload)), TokenError::Malformed);
    assert!(shop.verifier.verify(&shop.sign(&with("typ", json!("application/at+jwt")), &payload)).is_ok());
}

#[test]
fn what_is_no_token_is_refused() {
    let shop = Shop::new();
    let long = "a".repeat(100_000);
    for text in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\0", "e30.e30.", "ключ", long.as_str()] {
        assert_eq!(shop.refusal(text), TokenError::Malformed, "{text:.20}");
    }
}

#[test]
fn tokens_of_the_previous_key_stay_good_while_it_is_listed() {
    let old = Shop::new();
    let token = old.signer.issue(&claims());
    let mut config = TokenConfig { signing_key: TokenSigner::generate_pem(), ..old.config.clone() };
    let verifier = |config: &TokenConfig| {
        let signer = TokenSigner::new(config, old.clock.clone()).unwrap();
        let published = serde_json::to_string(signer.jwks()).unwrap();
        let jwks: Jwks = serde_json::from_str(&published).unwrap();
        let verifier = TokenVerifier::new(&jwks, ISSUER, AUDIENCE, old.clock.clone()).unwrap();
        assert!(verifier.verify(&signer.issue(&claims())).is_ok());
        verifier
    };
    assert_eq!(verifier(&config).verify(&token).unwrap_err(), TokenError::UnknownKey);
    config.previous_public_keys.push(old.signer.public_pem().to_owned());
    assert!(verifier(&config).verify(&token).is_ok());
}

#[test]
fn the_published_key_set_has_the_public_half_only_under_its_thumbprint() {
    let shop = Shop::new();
    let jwks = serde_json::to_value(shop.signer.jwks()).unwrap();
    let key = &jwks["keys"][0];
    assert_eq!(names(key), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    let expected = json!({"alg": "ES256", "crv": "P-256", "kty": "EC", "use": "sig"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&key[name], value);
    }
    // RFC 7638, section 3: the required members, in this order, without white space.
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
    assert_eq!(key["kid"], URL_SAFE_NO_PAD.encode(sha256(text.as_bytes())));
}

#[test]
fn keys_of_another_kind_are_refused_with_the_reason() {
    let shop = Shop::new();
    let new = |config: &TokenConfig| TokenSigner::new(config, Clock::system()).map(|_| ()).unwrap_err();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let p384_private = pem::encode(&Pem::new("PRIVATE KEY", p384.to_pkcs8v1().unwrap().as_ref()));
    let p384_public = AsDer::<PublicKeyX509Der<'_>>::as_der(p384.public_key()).unwrap();
    let p384_public = pem::encode(&Pem::new("PUBLIC KEY", p384_public.as_ref()));
    for text in ["", "secret", shop.signer.public_pem(), &p384_private] {
        let config = TokenConfig { signing_key: Secret::from(text), ..shop.config.clone() };
        assert_eq!(new(&config), KeyConfigError::BadSigningKey, "{text}");
    }
    for text in ["", "public", shop.config.signing_key.expose(), &p384_public] {
        let mut config = shop.config.clone();
        config.previous_public_keys = vec![shop.signer.public_pem().to_owned(), text.to_owned()];
        assert_eq!(new(&config), KeyConfigError::BadPublicKey(2), "{text}");
    }
    // A set with keys for other algorithms only.
    let (x, y) = (URL_SAFE_NO_PAD.encode([1; 48]), URL_SAFE_NO_PAD.encode([2; 48]));
    let other_curve = json!({"kty": "EC", "crv": "P-384", "kid": "k", "x": x, "y": y});
    let shared_secret = json!({"kty": "oct", "kid": "k", "k": x});
    for keys in [json!([]), json!([other_curve]), json!([shared_secret])] {
        let jwks: Jwks = serde_json::from_value(json!({ "keys": keys })).unwrap();
        let verifier = TokenVerifier::new(&jwks, ISSUER, AUDIENCE, Clock::system());
        assert_eq!(verifier.unwrap_err(), KeyConfigError::NoVerifyingKey);
    }
}

#[test]
fn a_caller_learns_whether_to_refresh_or_to_sign_in_again() {
    let code = |error: TokenError| {
        let failure = Failure::from(error);
        assert_eq!(failure.kind, ErrorKind::Unauthenticated);
        failure.code
    };
    assert_eq!(code(TokenError::Expired), "TOKEN_EXPIRED");
    assert_eq!(code(TokenError::BadSignature), "INVALID_TOKEN");
    assert_eq!(code(TokenError::WrongIssuer), "INVALID_TOKEN");
}

#[test]
fn debug_output_shows_no_private_key() {
    let shop = Shop::new();
    let shown = format!("{:?} {:?} {:?}", shop.config, shop.signer, shop.verifier);
    let body = shop.config.signing_key.expose().lines().nth(1).unwrap();
    assert!(shown.contains(ISSUER) && !shown.contains(body), "{shown}");
}

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn coordinate(shop: &Shop, name: &str) -> Vec<u8> {
    let jwk = serde_json::to_value(&shop.signer.jwks().keys[0]).unwrap();
    URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}
