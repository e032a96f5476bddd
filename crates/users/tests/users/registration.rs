//! `register`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, registration};

#[tokio::test]
async fn a_new_account_is_shown_without_its_password_and_told_of() {
    let app = App::new().await;
    let answer = app.register("  Ada@Example.COM ").await;
    let user = answer.data(201);
    assert_eq!(answer.headers["location"], "/api/v1/users/me");
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!((&user["first_name"], &user["phone"]), (&json!("Ada"), &json!("+44 20 7946 0018")));
    assert_eq!((&user["role"], &user["status"], &user["version"]), (&json!("customer"), &json!("active"), &json!(1)));
    assert!(!answer.body.to_string().contains("password"));
    let events = app.events(user["id"].as_str().unwrap()).await;
    assert_eq!(events, [("user.created".to_owned(), 1, json!({}))]);
    app.assert_sound().await;
}

#[tokio::test]
async fn an_address_belongs_to_one_account_however_it_is_written() {
    let app = App::new().await;
    app.register("ada@example.com").await.data(201);
    assert_eq!(app.register("ADA@example.com").await.refusal(), (409, "EMAIL_TAKEN"));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn of_twenty_at_once_with_one_address_one_gets_it() {
    let app = App::new().await;
    let answers = join_all((0..20).map(|_| app.register("ada@example.com"))).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((count(201), count(409)), (1, 19));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM events").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM data_keys").await, 1);
}

#[tokio::test]
async fn a_repeat_with_its_key_gives_the_same_account_and_another_command_is_refused() {
    let app = App::new().await;
    let key = "register-ada-0001";
    let send = |body: Value| app.post("/api/v1/auth/register").key(key).json(body).send();
    let first = send(registration("ada@example.com")).await;
    let again = send(registration("ada@example.com")).await;
    assert_eq!(first.data(201)["id"], again.data(201)["id"]);
    assert_eq!(send(registration("eve@example.com")).await.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));
    let mut other_password = registration("ada@example.com");
    other_password["password"] = json!("another password");
    assert_eq!(send(other_password).await.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn what_is_refused_names_the_field_and_changes_nothing() {
    let app = App::new().await;
    let long = "x".repeat(129);
    for (field, value, code) in [
        ("email", json!("not an address"), "INVALID_EMAIL"),
        ("email", json!(format!("{}@example.com", "a".repeat(300))), "TOO_LONG"),
        ("email", json!("a\0b@example.com"), "INVALID_EMAIL"),
        ("email", json!(7), "INVALID_VALUE"),
        ("email", Value::Null, "INVALID_VALUE"),
        ("password", json!("short"), "TOO_SHORT"),
        ("password", json!(long), "TOO_LONG"),
        ("password", json!("nul\0in the middle"), "INVALID_CHARACTER"),
        ("first_name", json!("   "), "TOO_SHORT"),
        ("first_name", json!("a\0b"), "INVALID_CHARACTER"),
        ("last_name", json!(long), "TOO_LONG"),
        ("phone", json!("call me"), "INVALID_PHONE"),
        ("role", json!("admin"), "UNKNOWN_FIELD"),
    ] {
        let mut body = registration("ada@example.com");
        body[field] = value;
        let answer = app.post("/api/v1/auth/register").json(body).send().await;
        assert_eq!(answer.refusal(), (422, "VALIDATION_FAILED"), "{field}: {}", answer.body);
        let detail = &answer.body["details"][0];
        assert_eq!((detail["field"].as_str(), detail["code"].as_str()), (Some(field), Some(code)));
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM events").await, 0);
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let app = App::new().await;
    let body = json!({"email": "x", "password": "x", "first_name": "", "last_name": "Quill"});
    let answer = app.post("/api/v1/auth/register").json(body).send().await;
    let fields: Vec<_> = answer.body["details"].as_array().unwrap().iter().map(|d| d["field"].clone()).collect();
    assert_eq!(fields, ["email", "password", "first_name"]);
}

#[tokio::test]
async fn a_long_password_counts_to_its_last_character() {
    let app = App::new().await;
    let long = format!("{}{PASSWORD}", "ü".repeat(60));
    let mut body = registration("ada@example.com");
    body["password"] = json!(long);
    app.post("/api/v1/auth/register").json(body).send().await.data(201);
    let login = |password: String| {
        app.post("/api/v1/auth/login").json(json!({"email": "ada@example.com", "password": password})).send()
    };
    login(long.clone()).await.data(200);
    let cut = long[..long.len() - 1].to_owned();
    assert_eq!(login(cut).await.refusal(), (401, "INVALID_CREDENTIALS"));
    assert_eq!(login(long[..72].to_owned()).await.refusal(), (401, "INVALID_CREDENTIALS"));
}
