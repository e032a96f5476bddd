//! The caller's own account.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD, Session, attempts};

async fn update(app: &App, session: &Session, body: Value) -> Answer {
    app.patch("/api/v1/users/me").by(session).json(body).send().await
}

#[tokio::test]
async fn a_change_is_stored_counted_and_told_without_values() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let answer = update(&app, &ada, json!({"first_name": "Grace", "phone": null})).await;
    assert_eq!(answer.headers["etag"], "\"2\"");
    assert_eq!((&answer.data(200)["first_name"], &answer.data(200)["phone"]), (&json!("Grace"), &Value::Null));
    let read = app.get("/api/v1/users/me").by(&ada).send().await;
    assert_eq!(read.data(200), answer.data(200));
    assert_eq!(read.headers["etag"], "\"2\"");
    let events = app.events(&ada.user_id).await;
    assert_eq!(events[1], ("user.updated".to_owned(), 2, json!({"changed": ["first_name", "phone"]})));
    app.assert_sound().await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_makes_no_version() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    for body in [json!({}), json!({"first_name": "Ada"}), json!({"phone": "+44 20 7946 0018"})] {
        assert_eq!(update(&app, &ada, body).await.data(200)["version"], 1);
    }
    assert_eq!(app.events(&ada.user_id).await.len(), 1);
}

#[tokio::test]
async fn a_change_of_an_older_version_is_refused() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let send = |etag: &str, name: &str| {
        let body = json!({"first_name": name});
        app.patch("/api/v1/users/me").by(&ada).header("if-match", etag).json(body).send()
    };
    send("\"1\"", "Grace").await.data(200);
    assert_eq!(send("\"1\"", "Joan").await.refusal(), (412, "VERSION_MISMATCH"));
    assert_eq!(send("1", "Joan").await.refusal(), (400, "INVALID_IF_MATCH"));
    assert_eq!(app.get("/api/v1/users/me").by(&ada).send().await.data(200)["first_name"], "Grace");
}

#[tokio::test]
async fn changes_at_once_are_all_kept_one_after_the_other() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let answers = join_all((0..10).map(|n| update(&app, &ada, json!({"first_name": format!("Ada {n}")})))).await;
    let mut versions: Vec<_> = answers.iter().map(|answer| answer.data(200)["version"].as_i64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=11).collect::<Vec<_>>());
    app.assert_sound().await;
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let elsewhere = app.login("ada@example.com").await.data(200)["refresh_token"].as_str().unwrap().to_owned();
    let new = "another long password";
    for current in [None, Some("wrong password")] {
        let mut body = json!({"password": new});
        if let Some(current) = current {
            body["current_password"] = json!(current);
        }
        assert_eq!(update(&app, &ada, body).await.refusal(), (403, "WRONG_PASSWORD"));
    }
    update(&app, &ada, json!({"password": new, "current_password": PASSWORD})).await.data(200);
    assert_eq!(app.login("ada@example.com").await.refusal(), (401, "INVALID_CREDENTIALS"));
    let login = json!({"email": "ada@example.com", "password": new});
    app.post("/api/v1/auth/login").json(login).send().await.data(200);
    assert_eq!(app.refresh(&elsewhere).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    app.refresh(&ada.refresh_token).await.data(200);
}

#[tokio::test]
async fn a_repeated_change_of_password_is_recognised() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let send = |password: &str| {
        let body = json!({"password": password, "current_password": PASSWORD});
        app.patch("/api/v1/users/me").by(&ada).key("change-password-1").json(body).send()
    };
    assert_eq!(send("another long password").await.data(200)["version"], 2);
    assert_eq!(send("another long password").await.data(200)["version"], 2);
    assert_eq!(send("and yet another one").await.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));
}

#[tokio::test]
async fn the_old_password_cannot_be_guessed_at_here_either() {
    let app = App::with(attempts(2)).await;
    let ada = app.customer("ada@example.com").await;
    let guess = || update(&app, &ada, json!({"password": "another long password", "current_password": "wrong guess"}));
    assert_eq!(guess().await.refusal(), (403, "WRONG_PASSWORD"));
    assert_eq!(guess().await.refusal(), (403, "WRONG_PASSWORD"));
    assert_eq!(guess().await.refusal(), (429, "RATE_LIMITED"));
}

#[tokio::test]
async fn another_address_needs_the_password_and_must_be_free() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    app.register("bob@example.com").await.data(201);
    let change =
        |email: &str, password: &str| update(&app, &ada, json!({"email": email, "current_password": password}));
    let without = update(&app, &ada, json!({"email": "ada@other.example"})).await;
    assert_eq!(without.refusal(), (403, "WRONG_PASSWORD"));
    assert_eq!(change("bob@example.com", PASSWORD).await.refusal(), (409, "EMAIL_TAKEN"));
    assert_eq!(change("Ada@Other.example", PASSWORD).await.data(200)["email"], "ada@other.example");
    app.login("ada@other.example").await.data(200);
    assert_eq!(app.login("ada@example.com").await.refusal(), (401, "INVALID_CREDENTIALS"));
    app.register("ada@example.com").await.data(201);
}

#[tokio::test]
async fn bad_changes_name_the_field_and_change_nothing() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    for (field, value) in [
        ("first_name", Value::Null),
        ("first_name", json!("a\0")),
        ("email", Value::Null),
        ("email", json!("x")),
        ("password", json!("short")),
        ("phone", json!("none")),
        ("role", json!("admin")),
        ("version", json!(9)),
    ] {
        let answer = update(&app, &ada, json!({ field: value })).await;
        assert_eq!(answer.refusal(), (422, "VALIDATION_FAILED"), "{field}");
        assert_eq!(answer.body["details"][0]["field"], field);
    }
    assert_eq!(app.events(&ada.user_id).await.len(), 1);
}

#[tokio::test]
async fn without_a_good_token_there_is_no_account() {
    let app = App::new().await;
    app.register("ada@example.com").await.data(201);
    assert_eq!(app.get("/api/v1/users/me").send().await.refusal(), (401, "TOKEN_MISSING"));
    let forged = app.get("/api/v1/users/me").header("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.").send().await;
    assert_eq!(forged.status, 401);
}
