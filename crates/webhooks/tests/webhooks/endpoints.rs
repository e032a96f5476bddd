//! Endpoints: made, changed, listed, taken away.

use http::Method;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{App, ENDPOINTS, config};
use webhooks::Config;
use webhooks::sender::resolver::system_lookup;

fn body(url: &str) -> Value {
    json!({ "url": url, "event_types": ["order.*", "product.deleted"], "description": "the shipping desk" })
}

#[tokio::test]
async fn an_endpoint_is_made_read_changed_and_taken_away() {
    let app = App::new().await;
    let made = app.post(ENDPOINTS, body("https://hooks.example/in")).await;
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let endpoint = &made.data(201)["endpoint"];
    assert_eq!(endpoint["event_types"], json!(["order.*", "product.deleted"]));
    assert_eq!((&endpoint["status"], &endpoint["version"]), (&json!("enabled"), &json!(1)));

    let changed = app.call(Method::PATCH, &path, &[("if-match", "\"1\"")], Some(json!({ "event_types": ["*"] }))).await;
    assert_eq!((changed.data(200)["version"].as_i64(), &changed.headers["etag"]), (Some(2), &"\"2\"".parse().unwrap()));
    let stale = app.call(Method::PATCH, &path, &[("if-match", "\"1\"")], Some(json!({ "description": "x" }))).await;
    assert_eq!(stale.refusal(), (412, "VERSION_MISMATCH"));
    let same = app.call(Method::PATCH, &path, &[], Some(json!({ "event_types": ["*"] }))).await;
    assert_eq!(same.data(200)["version"], 2, "nothing changed");

    assert_eq!(app.call(Method::DELETE, &path, &[], None).await.status.as_u16(), 204);
    assert_eq!(app.get(&path).await.refusal(), (404, "WEBHOOK_ENDPOINT_NOT_FOUND"));
    assert_eq!(app.get(ENDPOINTS).await.data(200), &json!([]));
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_to_a_repeat_and_nowhere_else() {
    let app = App::new().await;
    let key = [("idempotency-key", "make-an-endpoint-1")];
    let first = app.call(Method::POST, ENDPOINTS, &key, Some(body("https://hooks.example/in"))).await;
    let again = app.call(Method::POST, ENDPOINTS, &key, Some(body("https://hooks.example/in"))).await;
    let secret = first.data(201)["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(first.body["data"], again.body["data"]);
    assert_eq!(app.get(ENDPOINTS).await.data(200).as_array().unwrap().len(), 1, "one endpoint");
    let other = app.call(Method::POST, ENDPOINTS, &key, Some(body("https://hooks.example/other"))).await;
    assert_eq!(other.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));

    let path = first.headers["location"].to_str().unwrap();
    assert!(!app.get(path).await.body.to_string().contains("whsec_"));
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT s::text FROM endpoint_secrets s").fetch_all(app.db.owner()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].contains(&secret[6..]), "sealed at rest");
}

#[tokio::test]
async fn rotated_twice_the_first_secret_ends_and_a_third_is_never_kept() {
    let app = App::new().await;
    let made = app.post(ENDPOINTS, body("https://hooks.example/in")).await;
    let path = made.headers["location"].to_str().unwrap().to_owned();
    let count = async || {
        let statement = "SELECT count(*) FROM endpoint_secrets";
        sqlx::query_scalar::<_, i64>(statement).fetch_one(app.db.owner()).await.unwrap()
    };
    let rotated = app.act(&format!("{path}/rotate-secret")).await;
    assert_ne!(rotated.data(200)["secret"], made.body["data"]["secret"]);
    assert!(rotated.data(200)["endpoint"]["previous_secret_expires_at"].is_string());
    app.act(&format!("{path}/rotate-secret")).await.data(200);
    assert_eq!(count().await, 2);
    app.clock.advance(chrono::TimeDelta::hours(25));
    assert_eq!(app.get(&path).await.data(200)["previous_secret_expires_at"], Value::Null);
    webhooks::ops::purge_secrets(&app.webhooks).await.unwrap();
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn what_cannot_be_an_endpoint_is_refused_with_the_field() {
    let app = App::with(Config::default(), system_lookup()).await;
    for (url, code) in [
        ("http://hooks.example/in", "HTTPS_REQUIRED"),
        ("https://user:pass@hooks.example/", "CREDENTIALS_IN_URL"),
        ("https://127.0.0.1/", "ADDRESS_NOT_ALLOWED"),
        ("https://[::ffff:10.0.0.1]/", "ADDRESS_NOT_ALLOWED"),
        ("https://169.254.169.254/latest/meta-data", "ADDRESS_NOT_ALLOWED"),
        ("not an address", "INVALID_URL"),
    ] {
        let refused = app.post(ENDPOINTS, body(url)).await;
        assert_eq!((refused.refusal().0, refused.detail()), (422, ("url", code)), "{url}");
    }
    let types = json!({ "url": "https://hooks.example/", "event_types": ["order.plac*"] });
    assert_eq!(app.post(ENDPOINTS, types).await.detail(), ("event_types", "UNKNOWN_EVENT_TYPE"));
    assert_eq!(app.get(ENDPOINTS).await.data(200), &json!([]));
}

#[tokio::test]
async fn endpoints_are_listed_by_pages_the_newest_first() {
    let app = App::new().await;
    for n in 0..3 {
        app.post(ENDPOINTS, body(&format!("https://hooks.example/{n}"))).await.data(201);
    }
    let first = app.get(&format!("{ENDPOINTS}?limit=2")).await;
    let cursor = first.body["meta"]["page"]["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("{ENDPOINTS}?limit=2&cursor={cursor}")).await;
    let urls = |answer: &crate::support::Answer| -> Vec<String> {
        let all = answer.data(200).as_array().unwrap();
        all.iter().map(|endpoint| endpoint["url"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(urls(&first), ["https://hooks.example/2", "https://hooks.example/1"]);
    assert_eq!(urls(&second), ["https://hooks.example/0"]);
}

#[tokio::test]
async fn an_endpoint_gets_what_it_wants_and_a_disabled_one_what_gathered_when_it_is_enabled() {
    let app = App::with(config(), system_lookup()).await;
    let receiver = Receiver::start().await;
    let (orders, _) = app.endpoint(&receiver, &["order.*"]).await;
    let (users, _) = app.endpoint(&receiver, &["user.deleted"]).await;
    let order = uuid::Uuid::now_v7();
    let before = app.act(&format!("{ENDPOINTS}/{orders}/disable")).await;
    assert_eq!(before.data(200)["disabled_reason"], "REQUESTED");
    app.ordered(order, 1).await;
    app.ordered(order, 2).await;
    let _instance = app.start();
    app.happened(&crate::support::event("user.deleted", uuid::Uuid::now_v7(), 1, json!({}))).await;
    app.all_done(users).await;
    assert_eq!(receiver.received().len(), 1, "only the user's");
    assert_eq!(app.act(&format!("{ENDPOINTS}/{orders}/test")).await.refusal(), (409, "WEBHOOK_ENDPOINT_DISABLED"));
    app.act(&format!("{ENDPOINTS}/{orders}/enable")).await.data(200);
    app.all_done(orders).await;
    let versions: Vec<i64> = receiver.received()[1..].iter().map(|message| message.object().1).collect();
    assert_eq!(versions, [1, 2]);
    app.assert_sound().await;
}
