//! `login`.

use kernel::{Scope, Scopes};
use serde_json::json;

use crate::support::{App, PASSWORD, attempts};

#[tokio::test]
async fn a_login_gives_a_token_that_opens_the_account() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let token = app.verifier.verify(&ada.access_token).unwrap();
    assert_eq!(token.user_id.to_string(), ada.user_id);
    assert_eq!(token.scopes, [Scope::Customer].into_iter().collect::<Scopes>());
    let me = app.get("/api/v1/users/me").by(&ada).send().await;
    assert_eq!(me.data(200)["id"], ada.user_id.as_str());
    assert_eq!(app.login("ADA@example.com").await.data(200)["token_type"], "Bearer");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let app = App::new().await;
    app.register("ada@example.com").await.data(201);
    let login = |email: &str, password: &str| {
        app.post("/api/v1/auth/login").json(json!({"email": email, "password": password})).send()
    };
    let wrong = login("ada@example.com", "wrong password").await;
    let unknown = login("nobody@example.com", PASSWORD).await;
    assert_eq!(wrong.refusal(), (401, "INVALID_CREDENTIALS"));
    assert_eq!(unknown.refusal(), wrong.refusal());
    assert_eq!(unknown.body["error"], wrong.body["error"]);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn an_account_that_is_guessed_at_is_closed_for_a_while_and_others_are_not() {
    let app = App::with(attempts(3)).await;
    app.register("ada@example.com").await.data(201);
    app.register("bob@example.com").await.data(201);
    for _ in 0..3 {
        let guess = json!({"email": "ada@example.com", "password": "wrong password"});
        app.post("/api/v1/auth/login").json(guess).send().await;
    }
    let refused = app.login("ada@example.com").await;
    assert_eq!(refused.refusal(), (429, "RATE_LIMITED"));
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    app.login("bob@example.com").await.data(200);
}

#[tokio::test]
async fn malformed_logins_are_refused() {
    let app = App::new().await;
    let path = "/api/v1/auth/login";
    for body in [json!({}), json!([]), json!({"email": "ada@example.com"}), json!({"email": "x", "password": "y"})] {
        assert_eq!(app.post(path).json(body).send().await.refusal(), (422, "VALIDATION_FAILED"));
    }
    let no_type = app.post(path).send().await;
    assert_eq!(no_type.refusal(), (415, "UNSUPPORTED_MEDIA_TYPE"));
}

#[tokio::test]
async fn the_published_keys_are_those_that_tokens_are_signed_with() {
    let app = App::new().await;
    let set = app.get("/.well-known/jwks.json").send().await;
    assert_eq!(set.status, 200);
    let key = &set.body["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
    assert!(key["kid"].is_string() && key["x"].is_string() && key["y"].is_string() && key["d"].is_null());
}
