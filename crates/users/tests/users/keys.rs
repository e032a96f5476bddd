//! Rotation of the key-encryption key.

use std::sync::Arc;

use crypto::{Keyring, KeyringConfig, TokenConfig, TokenSigner};
use runtime::revocation::Revocations;
use users::{Config, Users};

use crate::support::App;

/// The role with these keys on the database of `app`.
fn with_keys(app: &App, keys: &KeyringConfig) -> Arc<Users> {
    let tokens = TokenConfig {
        issuer: "https://shop.example".into(),
        audience: "tradepost".into(),
        signing_key: TokenSigner::generate_pem(),
        ..TokenConfig::default()
    };
    let signer = TokenSigner::new(&tokens, app.clock.clone()).unwrap();
    let revocations = Revocations::new(&app.verifier, app.clock.clone(), None);
    let (db, keyring) = (app.db.db().clone(), Keyring::new(keys).unwrap());
    Users::new(db, keyring, signer, app.clock.clone(), &Config::default(), None, revocations).unwrap()
}

#[tokio::test]
async fn after_a_rotation_the_old_key_is_not_needed() {
    let app = App::new().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(app.customer(&format!("user{n}@example.com")).await.user_id);
    }
    let fresh = KeyringConfig::generate();
    let mut both = app.keys.clone();
    both.keys.insert("k2".into(), fresh.keys["k1"].clone());
    both.active = "k2".into();
    let rotating = with_keys(&app, &both);
    let (one, other) = tokio::join!(users::ops::rewrap_data_keys(&rotating), users::ops::rewrap_data_keys(&rotating));
    assert_eq!(one.unwrap() + other.unwrap(), 5);
    assert_eq!(users::ops::rewrap_data_keys(&rotating).await.unwrap(), 0, "a second run finds nothing");

    let mut new_alone = both.clone();
    new_alone.keys.remove("k1");
    let rotated = with_keys(&app, &new_alone);
    for (n, id) in ids.iter().enumerate() {
        let user = users::ops::contact(&rotated, id.parse().unwrap()).await.unwrap();
        assert_eq!(user.email.as_str(), format!("user{n}@example.com"));
    }
    let old_alone = with_keys(&app, &app.keys);
    assert!(users::ops::contact(&old_alone, ids[0].parse().unwrap()).await.is_err());
}
