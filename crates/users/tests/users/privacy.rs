//! No personal data and no secret stands in the database or in the logs in the clear.

use serde_json::json;

use crate::support::{App, LOG, PASSWORD};

/// What an operator must not find.
const PERSONAL: [&str; 7] =
    ["ada.q@example.com", "example.com", "Adalyn", "Quillfeather", "7946 0018", "Larch Row", PASSWORD];

/// Every use case once, good and bad.
async fn live_a_life(app: &App) -> Vec<String> {
    let body = json!({"email": "ada.q@example.com", "password": PASSWORD, "first_name": "Adalyn",
                      "last_name": "Quillfeather", "phone": "+44 20 7946 0018"});
    app.post("/api/v1/auth/register").key("register-adalyn-1").json(body.clone()).send().await.data(201);
    app.post("/api/v1/auth/register").json(body).send().await;
    let ada = app.login("ada.q@example.com").await.data(200).clone();
    let tokens = [&ada["access_token"], &ada["refresh_token"]].map(|token| token.as_str().unwrap().to_owned());
    let bearer = format!("Bearer {}", tokens[0]);
    let address = json!({"first_name": "Adalyn", "last_name": "Quillfeather", "line1": "12 Larch Row", "city": "Leeds",
                         "country": "GB", "phone": "+44 20 7946 0018"});
    let add = app.post("/api/v1/users/me/addresses").header("authorization", &bearer).key("add-address-00001");
    add.json(address).send().await.data(201);
    let change = json!({"first_name": "Adalyn R", "current_password": PASSWORD, "email": "ada.q2@example.com"});
    let change = app.patch("/api/v1/users/me").header("authorization", &bearer).key("change-adalyn-01").json(change);
    change.send().await.data(200);
    let refreshed = app.post("/api/v1/auth/refresh").key("refresh-adalyn-01").json(json!({"refresh_token": tokens[1]}));
    let refreshed = refreshed.send().await.data(200)["refresh_token"].as_str().unwrap().to_owned();
    let wrong = json!({"email": "ada.q2@example.com", "password": "Larch Row wrong"});
    app.post("/api/v1/auth/login").json(wrong).send().await;
    app.refresh(&tokens[1]).await;
    tokens.into_iter().chain([refreshed]).collect()
}

#[tokio::test]
async fn a_dump_of_every_table_shows_no_personal_data_and_no_token() {
    let app = App::new().await;
    let tokens = live_a_life(&app).await;
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(app.db.owner())
        .await
        .unwrap();
    let mut dump = String::new();
    for table in tables {
        let rows = sqlx::AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {table} t"));
        dump += &sqlx::query_scalar::<_, String>(rows).fetch_one(app.db.owner()).await.unwrap();
    }
    assert!(dump.contains("user.updated"), "the dump has rows");
    for secret in PERSONAL.into_iter().chain(tokens.iter().map(String::as_str)) {
        let hex = secret.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert!(!dump.contains(secret) && !dump.contains(&hex), "{secret} is in the dump");
    }
}

#[tokio::test]
async fn the_log_at_debug_level_shows_no_personal_data_and_no_token() {
    let app = App::new().await;
    let tokens = live_a_life(&app).await;
    let text = LOG.text();
    assert!(text.contains("a used refresh token came again"), "the log was written");
    for secret in PERSONAL.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn values_that_are_debugged_by_mistake_show_nothing() {
    let app = App::new().await;
    let ada = app.customer("ada.q@example.com").await;
    let user = users::ops::contact(&app.users, ada.user_id.parse().unwrap()).await.unwrap();
    let shown = format!("{user:?} {:?}", user.email);
    assert!(!shown.contains("ada") && !shown.contains("Quill"), "{shown}");
}
