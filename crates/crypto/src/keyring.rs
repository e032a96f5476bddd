//! The key-encryption keys of an installation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Secret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{CryptoError, KeyConfigError};
use crate::person::{PersonKey, WrappedKey};
use crate::primitives::{constant_time_eq, fill_random};
use crate::seal::{Binding, Cipher, KEY_LEN};

const VERSION: u8 = 1;

type Key = Zeroizing<[u8; KEY_LEN]>;

/// Settings of the keyring. Every key is the base64 of 32 random bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyringConfig {
    /// The id of the key that new values are sealed under.
    pub active: String,
    /// The key-encryption keys by id. Keep an old one until nothing is sealed under it any more.
    pub keys: BTreeMap<String, Secret>,
    /// The key of blind indexes. It cannot be rotated without reading every row.
    pub index_key: Secret,
}

impl KeyringConfig {
    /// Random keys, the active one called `k1`: for a new installation.
    pub fn generate() -> Self {
        let active = "k1".to_owned();
        Self { keys: BTreeMap::from([(active.clone(), generate_key())]), active, index_key: generate_key() }
    }
}

fn generate_key() -> Secret {
    STANDARD.encode(*random_key()).into()
}

fn random_key() -> Key {
    let mut key = Key::default();
    fill_random(&mut *key);
    key
}

/// Wraps persons' data keys, seals data that belongs to no person, makes blind indexes. Cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    active: String,
    keys: BTreeMap<String, KeyEncryptionKey>,
    index: hmac::Key,
}

/// One configured key is never used itself: each purpose has a key derived from it.
struct KeyEncryptionKey {
    wrap: Cipher,
    service: Cipher,
}

impl Keyring {
    /// Reads the configured keys.
    pub fn new(config: &KeyringConfig) -> Result<Self, KeyConfigError> {
        let mut seen = vec![("index_key", decode_key("index_key", &config.index_key)?)];
        let mut keys = BTreeMap::new();
        for (id, text) in &config.keys {
            if !is_key_id(id) {
                return Err(KeyConfigError::BadKeyId(id.chars().take(40).collect()));
            }
            let key = decode_key(id, text)?;
            if let Some((other, _)) = seen.iter().find(|(_, other)| constant_time_eq(&**other, &*key)) {
                return Err(KeyConfigError::SameKey((*other).to_owned(), id.clone()));
            }
            keys.insert(id.clone(), KeyEncryptionKey::derive(&key));
            seen.push((id, key));
        }
        if !keys.contains_key(&config.active) {
            return Err(KeyConfigError::NoActiveKey(config.active.clone()));
        }
        let index = hmac::Key::new(hmac::HMAC_SHA256, &*seen[0].1);
        Ok(Self(Arc::new(Inner { active: config.active.clone(), keys, index })))
    }

    /// The id of the key that new values are sealed under: a rotation looks for those under others.
    pub fn active_id(&self) -> &str {
        &self.0.active
    }

    /// A data key for a new person, and its form to store.
    pub fn new_person_key(&self, subject: Uuid) -> (PersonKey, WrappedKey) {
        let key = random_key();
        (PersonKey::new(&key), self.wrap(subject, &key))
    }

    /// Opens the stored data key of `subject`.
    pub fn open_person_key(&self, subject: Uuid, wrapped: &WrappedKey) -> Result<PersonKey, CryptoError> {
        Ok(PersonKey::new(&*self.unwrap(subject, wrapped)?))
    }

    /// The stored data key of `subject` under the active key-encryption key; none if it is already.
    pub fn rewrap(&self, subject: Uuid, wrapped: &WrappedKey) -> Result<Option<WrappedKey>, CryptoError> {
        if wrapped.kek_id == self.0.active {
            return Ok(None);
        }
        Ok(Some(self.wrap(subject, &self.unwrap(subject, wrapped)?)))
    }

    /// Seals data that belongs to no person. It opens with the same `purpose` and `aad` only, under any configured key.
    pub fn seal(&self, purpose: &str, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let id = self.0.active.as_bytes();
        let mut head = Vec::with_capacity(2 + id.len());
        // An id has at most 32 bytes (see `is_key_id`).
        head.extend([VERSION, u8::try_from(id.len()).unwrap_or(u8::MAX)]);
        head.extend(id);
        self.active().service.seal(head, &service_binding(id, purpose, aad), plaintext)
    }

    /// Opens what [`Self::seal`] sealed.
    pub fn open(&self, purpose: &str, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let [VERSION, id_length, rest @ ..] = sealed else { return Err(CryptoError::UnknownFormat) };
        let (id, body) = rest.split_at_checked(usize::from(*id_length)).ok_or(CryptoError::UnknownFormat)?;
        let id = std::str::from_utf8(id).map_err(|_| CryptoError::UnknownFormat)?;
        self.key(id)?.service.open(body, &service_binding(id.as_bytes(), purpose, aad))
    }

    /// A text's mark in a column: equal for equal texts, and telling nothing without the key. Normalise the text first.
    pub fn blind_index(&self, column: &str, normalised: &str) -> Vec<u8> {
        let parts = Binding::new(&[column.as_bytes(), normalised.as_bytes()]);
        hmac::sign(&self.0.index, parts.as_bytes()).as_ref().to_vec()
    }

    fn wrap(&self, subject: Uuid, key: &Key) -> WrappedKey {
        let kek_id = self.0.active.clone();
        let bytes = self.active().wrap.seal(vec![VERSION], &wrap_binding(&kek_id, subject), &**key);
        WrappedKey { kek_id, bytes }
    }

    fn unwrap(&self, subject: Uuid, wrapped: &WrappedKey) -> Result<Key, CryptoError> {
        let kek = self.key(&wrapped.kek_id)?;
        let Some((&VERSION, body)) = wrapped.bytes.split_first() else { return Err(CryptoError::UnknownFormat) };
        let opened = Zeroizing::new(kek.wrap.open(body, &wrap_binding(&wrapped.kek_id, subject))?);
        let mut key = Key::default();
        if opened.len() != key.len() {
            return Err(CryptoError::UnknownFormat);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }

    fn key(&self, id: &str) -> Result<&KeyEncryptionKey, CryptoError> {
        self.0.keys.get(id).ok_or_else(|| CryptoError::UnknownKey(id.to_owned()))
    }

    fn active(&self) -> &KeyEncryptionKey {
        // `new` refuses a configuration whose active key is not among the keys.
        &self.0.keys[&self.0.active]
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("active", &self.0.active).finish_non_exhaustive()
    }
}

impl KeyEncryptionKey {
    fn derive(key: &Key) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tradepost keyring 1").extract(&**key);
        let derive = |purpose: &[u8]| Cipher::new(&expand(&root, purpose));
        Self { wrap: derive(b"wrap person keys"), service: derive(b"seal service data") }
    }
}

#[expect(clippy::expect_used, reason = "fails for outputs of more than 255 hash lengths only, and this is one")]
fn expand(root: &hkdf::Prk, purpose: &[u8]) -> Key {
    let mut key = Key::default();
    root.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut *key)).expect("one hash length");
    key
}

fn wrap_binding(kek_id: &str, subject: Uuid) -> Binding {
    Binding::new(&[&[VERSION], b"person key", kek_id.as_bytes(), subject.as_bytes()])
}

fn service_binding(kek_id: &[u8], purpose: &str, aad: &[u8]) -> Binding {
    Binding::new(&[&[VERSION], b"service data", kek_id, purpose.as_bytes(), aad])
}

fn is_key_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=32).contains(&id.len()) && id.bytes().all(plain)
}

fn decode_key(id: &str, text: &Secret) -> Result<Key, KeyConfigError> {
    let bytes = STANDARD.decode(text.expose().trim()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| KeyConfigError::NotBase64(id.to_owned()))?;
    let mut key = Key::default();
    if bytes.len() != key.len() {
        return Err(KeyConfigError::WrongLength { id: id.to_owned(), length: bytes.len() });
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}
