//! Internal tokens: those of a role with the secret are accepted for a minute, everything else is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use crypto::{InternalSigner, InternalVerifier, KeyConfigError, TokenError, random_bytes};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Clock, Secret};
use serde_json::{Value, json};

fn secret() -> Secret {
    STANDARD.encode(random_bytes::<32>()).into()
}

/// A token with these claims, signed with `secret`.
fn forge(secret: &Secret, typ: &str, claims: &Value) -> String {
    let header = Header { typ: Some(typ.to_owned()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(&STANDARD.decode(secret.expose()).unwrap());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

#[test]
fn a_role_with_the_secret_is_known_by_name() {
    let (secret, clock) = (secret(), Clock::system());
    let signer = InternalSigner::new(&secret, "orders", clock.clone()).unwrap();
    let verifier = InternalVerifier::new(&secret, None, clock).unwrap();
    assert_eq!(verifier.verify(&signer.token()).unwrap(), "orders");
}

#[test]
fn a_token_is_made_anew_long_before_it_ends_and_is_worthless_after_a_minute() {
    let (secret, clock) = (secret(), Clock::system());
    let signer = InternalSigner::new(&secret, "orders", clock.clone()).unwrap();
    let verifier = InternalVerifier::new(&secret, None, clock.clone()).unwrap();
    let captured = signer.token();
    assert_eq!(signer.token(), captured);
    clock.advance(TimeDelta::seconds(30));
    assert_ne!(signer.token(), captured);
    assert!(verifier.verify(&captured).is_ok());
    clock.advance(TimeDelta::seconds(36));
    assert_eq!(verifier.verify(&captured).unwrap_err(), TokenError::Expired);
    assert!(verifier.verify(&signer.token()).is_ok());
}

#[test]
fn while_the_secret_is_being_changed_both_are_good() {
    let (old, new, clock) = (secret(), secret(), Clock::system());
    let signer = InternalSigner::new(&old, "orders", clock.clone()).unwrap();
    let during = InternalVerifier::new(&new, Some(&old), clock.clone()).unwrap();
    let after = InternalVerifier::new(&new, None, clock).unwrap();
    assert!(during.verify(&signer.token()).is_ok());
    assert_eq!(after.verify(&signer.token()).unwrap_err(), TokenError::BadSignature);
}

#[test]
fn what_no_role_made_is_refused() {
    let (secret, clock) = (secret(), Clock::system());
    let verifier = InternalVerifier::new(&secret, None, clock.clone()).unwrap();
    let now = clock.now().timestamp();
    let typ = "tradepost-internal+jwt";
    let claims = json!({"sub": "orders", "aud": "tradepost-internal", "iat": now, "exp": now + 60});
    assert!(verifier.verify(&forge(&secret, typ, &claims)).is_ok());

    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        forge(&secret, typ, &claims)
    };
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmRlcnMifQ.";
    for (token, refusal) in [
        (String::new(), TokenError::Malformed),
        (unsigned.to_owned(), TokenError::Malformed),
        ("x".repeat(5000), TokenError::Malformed),
        (forge(&secret, "JWT", &claims), TokenError::Malformed),
        (forge(&self::secret(), typ, &claims), TokenError::BadSignature),
        (with("aud", json!("tradepost")), TokenError::WrongAudience),
        (with("exp", json!(now + 3600)), TokenError::Malformed),
        (with("iat", json!(now + 30)), TokenError::NotYetValid),
        (with("exp", json!(now - 30)), TokenError::Expired),
    ] {
        assert_eq!(verifier.verify(&token).unwrap_err(), refusal, "{token}");
    }
}

#[test]
fn a_secret_that_is_weak_is_refused_and_none_is_shown() {
    let clock = Clock::system();
    let refusal = |text: &str| InternalSigner::new(&text.into(), "orders", clock.clone()).unwrap_err();
    assert_eq!(refusal("not base64!"), KeyConfigError::NotBase64("internal.secret".into()));
    assert_eq!(refusal("c2hvcnQ="), KeyConfigError::TooShort { id: "internal.secret".into(), length: 5 });

    let secret = secret();
    let signer = InternalSigner::new(&secret, "orders", clock.clone()).unwrap();
    let verifier = InternalVerifier::new(&secret, None, clock).unwrap();
    let shown = format!("{signer:?} {verifier:?}");
    assert!(!shown.contains(secret.expose()) && !shown.contains(&*signer.token()));
}
