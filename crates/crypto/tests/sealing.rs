//! Sealed values open where they belong, under every key that is configured, and nowhere else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use crypto::{Cell, CryptoError, KeyConfigError, Keyring, KeyringConfig, WrappedKey};
use kernel::Secret;
use proptest::prelude::*;
use uuid::Uuid;

const ROW: Uuid = Uuid::from_u128(7);
const CELL: Cell = Cell { table: "users", column: "email", row: ROW };
const ADA: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

/// Base64 of 32 times this byte.
fn key(byte: u8) -> Secret {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode([byte; 32]).into()
}

fn config(active: &str, keys: &[(&str, u8)]) -> KeyringConfig {
    let keys: BTreeMap<_, _> = keys.iter().map(|(id, byte)| ((*id).to_owned(), key(*byte))).collect();
    KeyringConfig { active: active.to_owned(), keys, index_key: key(255) }
}

fn keyring(active: &str, keys: &[(&str, u8)]) -> Keyring {
    Keyring::new(&config(active, keys)).unwrap()
}

/// Every text that differs from `bytes` in one byte or is shorter.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let flipped = (0..bytes.len()).map(|at| {
        let mut copy = bytes.to_vec();
        copy[at] ^= 1;
        copy
    });
    flipped.chain((0..bytes.len()).map(|length| bytes[..length].to_vec())).collect()
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(text in prop::collection::vec(any::<u8>(), 0..300), row in any::<u128>()) {
        let ring = keyring("k1", &[("k1", 1)]);
        let cell = Cell { row: Uuid::from_u128(row), ..CELL };
        let (person, wrapped) = ring.new_person_key(ADA);
        let sealed = person.seal(cell, &text);
        prop_assert_eq!(&person.open(cell, &sealed).unwrap(), &text);
        prop_assert_eq!(&ring.open_person_key(ADA, &wrapped).unwrap().open(cell, &sealed).unwrap(), &text);
        prop_assert_ne!(&person.seal(cell, &text), &sealed, "sealing twice must not show that both are equal");

        let sealed = ring.seal("answers", &row.to_be_bytes(), &text);
        prop_assert_eq!(ring.open("answers", &row.to_be_bytes(), &sealed).unwrap(), text);
    }

    #[test]
    fn no_bytes_from_outside_open_or_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), version in any::<bool>()) {
        let mut bytes = bytes;
        if let (true, Some(first)) = (version, bytes.first_mut()) {
            *first = 1;
        }
        let ring = keyring("k1", &[("k1", 1)]);
        let (person, _) = ring.new_person_key(ADA);
        prop_assert!(person.open(CELL, &bytes).is_err());
        prop_assert!(ring.open("answers", b"", &bytes).is_err());
        let wrapped = WrappedKey { kek_id: "k1".to_owned(), bytes };
        prop_assert!(ring.open_person_key(ADA, &wrapped).is_err());
    }
}

#[test]
fn a_field_opens_in_its_own_cell_only() {
    let (person, _) = keyring("k1", &[("k1", 1)]).new_person_key(ADA);
    let sealed = person.seal(CELL, b"ada@example.com");
    let elsewhere = [
        Cell { table: "addresses", ..CELL },
        Cell { column: "phone", ..CELL },
        Cell { row: Uuid::from_u128(8), ..CELL },
        // The same letters, divided differently.
        Cell { table: "userse", column: "mail", ..CELL },
    ];
    for cell in elsewhere {
        assert_eq!(person.open(cell, &sealed), Err(CryptoError::DoesNotOpen), "{cell:?}");
    }
    assert_eq!(person.open(CELL, &sealed).unwrap(), b"ada@example.com");
}

#[test]
fn a_field_of_one_person_does_not_open_with_the_key_of_another() {
    let ring = keyring("k1", &[("k1", 1)]);
    let (ada, ada_wrapped) = ring.new_person_key(ADA);
    let (bob, _) = ring.new_person_key(BOB);
    assert_eq!(bob.open(CELL, &ada.seal(CELL, b"Ada")), Err(CryptoError::DoesNotOpen));
    // Nor can the stored key of one person be put into the row of another.
    assert_eq!(ring.open_person_key(BOB, &ada_wrapped).unwrap_err(), CryptoError::DoesNotOpen);
    assert_eq!(ring.rewrap(BOB, &ada_wrapped), Ok(None));
    let rotated = keyring("k2", &[("k1", 1), ("k2", 2)]);
    assert_eq!(rotated.rewrap(BOB, &ada_wrapped), Err(CryptoError::DoesNotOpen));
}

#[test]
fn a_wrapped_key_is_bound_to_the_id_of_its_key_encryption_key() {
    let (_, wrapped) = keyring("k1", &[("k1", 1)]).new_person_key(ADA);
    // The same secret under another id: the id is part of what is authenticated.
    let renamed = keyring("k2", &[("k2", 1)]);
    let wrapped = WrappedKey { kek_id: "k2".to_owned(), ..wrapped };
    assert_eq!(renamed.open_person_key(ADA, &wrapped).unwrap_err(), CryptoError::DoesNotOpen);
}

#[test]
fn one_altered_or_missing_byte_is_noticed() {
    let ring = keyring("k1", &[("k1", 1)]);
    let (person, wrapped) = ring.new_person_key(ADA);
    for bytes in damaged(&person.seal(CELL, b"Ada")) {
        assert!(person.open(CELL, &bytes).is_err(), "{bytes:?}");
    }
    for bytes in damaged(&wrapped.bytes) {
        assert!(ring.open_person_key(ADA, &WrappedKey { bytes, ..wrapped.clone() }).is_err());
    }
    for bytes in damaged(&ring.seal("answers", b"request", b"answer")) {
        assert!(ring.open("answers", b"request", &bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn service_data_opens_for_its_purpose_and_context_only() {
    let ring = keyring("k1", &[("k1", 1)]);
    let sealed = ring.seal("answers", b"request 1", b"answer");
    assert_eq!(ring.open("answers", b"request 1", &sealed).unwrap(), b"answer");
    for (purpose, aad) in [("answers", &b"request 2"[..]), ("letters", b"request 1"), ("answersr", b"equest 1")] {
        assert_eq!(ring.open(purpose, aad, &sealed), Err(CryptoError::DoesNotOpen), "{purpose}");
    }
}

#[test]
fn after_a_rotation_old_values_open_and_keys_are_wrapped_anew_once() {
    let before = keyring("k1", &[("k1", 1)]);
    let (person, old_key) = before.new_person_key(ADA);
    let field = person.seal(CELL, b"Ada");
    let service = before.seal("answers", b"", b"answer");

    let after = keyring("k2", &[("k1", 1), ("k2", 2)]);
    assert_eq!(after.open("answers", b"", &service).unwrap(), b"answer");
    assert_eq!(after.open_person_key(ADA, &old_key).unwrap().open(CELL, &field).unwrap(), b"Ada");
    let new_key = after.rewrap(ADA, &old_key).unwrap().expect("the key was under k1");
    assert_eq!(new_key.kek_id, "k2");
    assert_eq!(after.rewrap(ADA, &new_key), Ok(None));

    // With the old key gone, what was wrapped anew still opens, and what was not says which key it needs.
    let without_old = keyring("k2", &[("k2", 2)]);
    assert_eq!(without_old.open_person_key(ADA, &new_key).unwrap().open(CELL, &field).unwrap(), b"Ada");
    let gone = CryptoError::UnknownKey("k1".to_owned());
    assert_eq!(without_old.open_person_key(ADA, &old_key).unwrap_err(), gone);
    assert_eq!(without_old.rewrap(ADA, &old_key).unwrap_err(), gone);
    assert_eq!(without_old.open("answers", b"", &service).unwrap_err(), gone);
}

#[test]
fn a_blind_index_tells_equal_texts_and_outlives_a_rotation() {
    let ring = keyring("k1", &[("k1", 1)]);
    let mark = ring.blind_index("users.email", "ada@example.com");
    assert_eq!(mark.len(), 32);
    assert_eq!(mark, ring.blind_index("users.email", "ada@example.com"));
    assert_eq!(mark, keyring("k2", &[("k1", 1), ("k2", 2)]).blind_index("users.email", "ada@example.com"));
    assert_ne!(mark, ring.blind_index("users.email", "bob@example.com"));
    assert_ne!(mark, ring.blind_index("orders.email", "ada@example.com"));
    assert_ne!(mark, ring.blind_index("users.emaila", "da@example.com"));
    let other = Keyring::new(&KeyringConfig { index_key: key(9), ..config("k1", &[("k1", 1)]) }).unwrap();
    assert_ne!(mark, other.blind_index("users.email", "ada@example.com"));
}

#[test]
fn a_wrong_configuration_is_refused_with_the_reason() {
    let error = |config: &KeyringConfig| Keyring::new(config).unwrap_err();
    let with = |id: &str, text: &str| {
        let mut config = config("k1", &[("k1", 1)]);
        config.keys.insert(id.to_owned(), text.into());
        config
    };
    assert_eq!(error(&with("k2", "AAAA")), KeyConfigError::WrongLength { id: "k2".to_owned(), length: 3 });
    assert_eq!(error(&with("k2", "not base64!")), KeyConfigError::NotBase64("k2".to_owned()));
    assert_eq!(error(&with("K 2", "AAAA")), KeyConfigError::BadKeyId("K 2".to_owned()));
    assert_eq!(error(&config("k2", &[("k1", 1)])), KeyConfigError::NoActiveKey("k2".to_owned()));
    let twice = error(&config("k1", &[("k1", 1), ("k2", 1)]));
    assert_eq!(twice, KeyConfigError::SameKey("k1".to_owned(), "k2".to_owned()));
    let index = KeyringConfig { index_key: "AAAA".into(), ..config("k1", &[("k1", 1)]) };
    assert_eq!(error(&index), KeyConfigError::WrongLength { id: "index_key".to_owned(), length: 3 });
    assert!(error(&with("k2", "AAAA")).to_string().contains("3 bytes, not 32"));
    let unknown = serde_json::from_str::<KeyringConfig>(r#"{"activ": "k1"}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `activ`"));
}

#[test]
fn a_generated_configuration_works_and_is_new_each_time() {
    let (one, two) = (KeyringConfig::generate(), KeyringConfig::generate());
    let sealed = Keyring::new(&one).unwrap().seal("answers", b"", b"answer");
    assert_eq!(Keyring::new(&one).unwrap().open("answers", b"", &sealed).unwrap(), b"answer");
    assert_eq!(Keyring::new(&two).unwrap().open("answers", b"", &sealed), Err(CryptoError::DoesNotOpen));
}

#[test]
fn debug_output_shows_no_key() {
    let config = config("k1", &[("k1", 1)]);
    let ring = Keyring::new(&config).unwrap();
    let shown = format!("{config:?} {ring:?} {:?}", ring.new_person_key(ADA).0);
    assert!(shown.contains("k1"), "{shown}");
    assert!(!shown.contains("AQEBAQ") && !shown.contains("//////"), "{shown}");
}
