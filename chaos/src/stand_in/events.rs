//! Events sent to the shop: signed, now and then twice or late, until they are taken.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use chrono::Utc;
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::journal::{Entry, Journal};

/// How often what was not taken is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events sent in one go.
const BATCH: usize = 32;
/// The part of events that are sent twice at once, and of those that are left for later.
const DOUBLED: f64 = 0.1;
const LATE: f64 = 0.3;

/// An event about an object.
pub fn event(kind: &str, object: &Value) -> Value {
    json!({ "id": format!("evt_{}", Uuid::new_v4().simple()), "object": "event", "type": kind, "data": { "object": object } })
}

/// Sends what has not been taken, until the process ends.
pub async fn send_forever(journal: Arc<Mutex<Journal>>, to: String, secret: String) {
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap_or_default();
    loop {
        let mut waiting: Vec<Value> = journal.lock().await.untaken.iter().take(BATCH).cloned().collect();
        waiting.shuffle(&mut rand::rng());
        for event in waiting {
            if rand::rng().random_bool(LATE) {
                continue;
            }
            let times = if rand::rng().random_bool(DOUBLED) { 2 } else { 1 };
            let mut taken = false;
            for _ in 0..times {
                taken |= send(&client, &to, &secret, &event).await;
            }
            if taken {
                let id = event["id"].as_str().map(str::to_owned);
                drop(journal.lock().await.write(Entry { taken: id, ..Entry::default() }));
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn send(client: &reqwest::Client, to: &str, secret: &str, event: &Value) -> bool {
    let (body, time) = (event.to_string(), Utc::now().timestamp());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let signature = tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // A String takes what is written to it.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let request = client.post(to).header("content-type", "application/json");
    let request = request.header("stripe-signature", format!("t={time},v1={signature}")).body(body);
    request.send().await.is_ok_and(|answer| answer.status().is_success())
}
