//! Receivers in other languages, which check signatures with the official libraries of Standard Webhooks.

use std::process::Stdio;

use crypto::{WebhookSecret, webhook_signature};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::support::{App, ENDPOINTS, event};

/// A receiver in another language that holds one secret; ends with this value.
struct Foreign {
    url: String,
    _process: Child,
}

impl Foreign {
    async fn python(secret: &str) -> Self {
        Self::start("TRADEPOST_TEST_PYTHON", "receiver.py", secret).await
    }

    async fn node(secret: &str) -> Self {
        Self::start("TRADEPOST_TEST_NODE", "receiver.js", secret).await
    }

    async fn start(variable: &str, script: &str, secret: &str) -> Self {
        let program = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: this test needs a program with `standardwebhooks`, which `./dev test` makes")
        });
        let script = format!("{}/tests/webhooks/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(&program);
        command.args([script.as_str(), secret]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{program} does not run: {error}"));
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).await.unwrap();
        assert!(!port.trim().is_empty(), "{program} {script} ended: does it have `standardwebhooks`?");
        Self { url: format!("http://127.0.0.1:{}/hook", port.trim()), _process: process }
    }
}

/// Sends one event to the endpoint when the receiver has this secret; gives status and answer of the attempt.
async fn deliver(app: &App, endpoint: Uuid, url: &str) -> (i64, String) {
    let path = format!("{ENDPOINTS}/{endpoint}");
    app.call(http::Method::PATCH, &path, &[], Some(json!({ "url": url }))).await.data(200);
    let before = app.deliveries(endpoint).await.len();
    app.happened(&event("order.cancelled", Uuid::now_v7(), 1, json!({ "reason": "Größe ✓ \"zu klein\"" }))).await;
    let sent = app.deliveries(endpoint).await[before].clone();
    let attempt = async || app.delivery(&sent["id"]).await["attempts"][0].clone();
    crate::support::until("an attempt", async || attempt().await != Value::Null).await;
    let attempt = attempt().await;
    (attempt["http_status"].as_i64().unwrap(), attempt["answer"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn libraries_of_other_languages_take_our_messages_also_while_secrets_are_rotated() {
    let app = App::new().await;
    let body = json!({ "url": "http://127.0.0.1:9/", "event_types": ["order.*"] });
    let made = app.post(ENDPOINTS, body).await.data(201).clone();
    let endpoint: Uuid = made["endpoint"]["id"].as_str().unwrap().parse().unwrap();
    let old = made["secret"].as_str().unwrap().to_owned();
    let _instance = app.start();
    let old_receivers = [Foreign::python(&old).await, Foreign::node(&old).await];
    for receiver in &old_receivers {
        assert_eq!(deliver(&app, endpoint, &receiver.url).await, (200, "good".into()));
    }

    let rotated = app.act(&format!("{ENDPOINTS}/{endpoint}/rotate-secret")).await;
    let new = rotated.data(200)["secret"].as_str().unwrap().to_owned();
    let new_receivers = [Foreign::python(&new).await, Foreign::node(&new).await];
    for receiver in old_receivers.iter().chain(&new_receivers) {
        assert_eq!(deliver(&app, endpoint, &receiver.url).await, (200, "good".into()), "both secrets are good");
    }

    // Rotated again, the first one has ended.
    app.act(&format!("{ENDPOINTS}/{endpoint}/rotate-secret")).await.data(200);
    for receiver in &old_receivers {
        assert_eq!(deliver(&app, endpoint, &receiver.url).await.0, 400, "a secret that has ended signs no more");
    }
    for receiver in &new_receivers {
        assert_eq!(deliver(&app, endpoint, &receiver.url).await, (200, "good".into()));
    }
}

#[tokio::test]
async fn libraries_of_other_languages_refuse_what_was_changed_on_the_way() {
    let secret = WebhookSecret::generate();
    let shown = secret.reveal();
    let client = App::new().await; // Its start makes the process's TLS ready, which the client below needs.
    drop(client);
    for receiver in [Foreign::python(&shown).await, Foreign::node(&shown).await] {
        let now = chrono::Utc::now().timestamp();
        let body = r#"{"type":"order.paid","data":{"amount":1250}}"#;
        let good = webhook_signature(std::slice::from_ref(&secret), "msg_1", now, body.as_bytes());
        let stranger = webhook_signature(&[WebhookSecret::generate()], "msg_1", now, body.as_bytes());
        let old = webhook_signature(std::slice::from_ref(&secret), "msg_1", now - 3_600, body.as_bytes());
        let changed = body.replace("1250", "1");
        for (what, status, id, timestamp, signature, body) in [
            ("as it was made", 200, "msg_1", now, &good, body),
            ("another body", 400, "msg_1", now, &good, changed.as_str()),
            ("another id", 400, "msg_2", now, &good, body),
            ("another time", 400, "msg_1", now + 1, &good, body),
            ("another secret", 400, "msg_1", now, &stranger, body),
            ("an old message", 400, "msg_1", now - 3_600, &old, body),
        ] {
            let request = reqwest::Client::new()
                .post(&receiver.url)
                .header("webhook-id", id)
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", signature)
                .body(body.to_owned());
            assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{what} at {}", receiver.url);
        }
    }
}
