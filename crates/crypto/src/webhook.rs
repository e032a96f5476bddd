//! Signatures of webhooks, as Standard Webhooks (v1, symmetric) has them.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::CryptoError;
use crate::primitives::fill_random;

/// How the text form of a secret begins.
const PREFIX: &str = "whsec_";
/// Bytes of a new secret.
const LENGTH: usize = 32;

/// What sender and receiver of webhooks share. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// A new secret of 256 random bits.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new(vec![0; LENGTH]);
        fill_random(&mut bytes);
        Self(bytes)
    }

    /// A secret from its stored bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, CryptoError> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() == LENGTH { Ok(Self(bytes)) } else { Err(CryptoError::UnknownFormat) }
    }

    /// The bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form that the receiver's library takes: `whsec_` and base64.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(&*self.0)))
    }

    /// The signature of a message: `v1,` and base64 of the HMAC over `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([redacted])")
    }
}

/// The header `webhook-signature` of a message: a signature for each secret that is good at the time, separated by
/// spaces. `timestamp` is in seconds since 1970.
pub fn webhook_signature(secrets: &[WebhookSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_other_libraries() {
        // Made with Python's hmac over the same text and key (bytes 0 to 31).
        let secret = WebhookSecret::from_bytes((0..32).collect()).unwrap();
        assert_eq!(*secret.reveal(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let header = webhook_signature(&[secret.clone(), secret], "msg_1", 1_700_000_000, br#"{"a":1}"#);
        let (first, second) = header.split_once(' ').unwrap();
        assert_eq!(first, second);
        assert_eq!(first, "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4=");
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = WebhookSecret::generate();
        assert!(!format!("{secret:?}").contains(&secret.reveal()[6..]));
        assert!(WebhookSecret::from_bytes(vec![0; 31]).is_err());
    }
}
