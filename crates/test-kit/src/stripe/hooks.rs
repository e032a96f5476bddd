//! Webhooks: signed, and lost, doubled or out of order as told.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::WEBHOOK_SECRET;
use super::fault::Chance;

/// Tries to deliver one.
const TRIES: u32 = 6;

/// How webhooks travel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delivery {
    /// Of a hundred, so many get lost.
    pub lost_percent: u64,
    /// Of a hundred, so many come twice.
    pub doubled_percent: u64,
    /// The longest that one takes: another may overtake it.
    pub delay_ms: u64,
}

/// A webhook as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its body.
    pub body: Bytes,
    /// Its `Stripe-Signature`.
    pub signature: String,
}

/// Sends webhooks.
#[derive(Clone)]
pub struct Hooks(Arc<Mutex<State>>, reqwest::Client);

struct State {
    receiver: Option<String>,
    delivery: Delivery,
    chance: Chance,
    sent: Vec<Sent>,
    events: u64,
}

impl Hooks {
    pub(super) fn new(seed: u64) -> Self {
        let state = State {
            receiver: None,
            delivery: Delivery::default(),
            chance: Chance(seed ^ 0x686f_6f6b),
            sent: Vec::new(),
            events: 0,
        };
        Self(Arc::new(Mutex::new(state)), reqwest::Client::new())
    }

    /// Sends them to this address from now on; none: nowhere.
    pub fn send_to(&self, receiver: Option<String>) {
        self.state().receiver = receiver;
    }

    /// How they travel from now on.
    pub fn travel(&self, delivery: Delivery) {
        self.state().delivery = delivery;
    }

    /// All that were sent, lost ones too.
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// Tells of an object, as Stripe would.
    pub fn tell(&self, kind: &str, object: &Value) {
        let number = {
            let mut state = self.state();
            state.events += 1;
            state.events
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let event = json!({
            "id": format!("evt_layer_{}_{number}", uuid::Uuid::new_v4().simple()), "object": "event", "type": kind,
            "created": now, "livemode": false, "data": { "object": object },
        });
        let body = Bytes::from(event.to_string());
        let signature = sign(WEBHOOK_SECRET, now, &body);
        self.pass_on(&Sent { body, signature });
    }

    /// Sends a signed webhook on its way.
    pub fn pass_on(&self, sent: &Sent) {
        let (receiver, copies) = {
            let mut state = self.state();
            state.sent.push(sent.clone());
            let Delivery { lost_percent, doubled_percent, delay_ms } = state.delivery;
            let lost = state.chance.below(100) < lost_percent;
            let doubled = state.chance.below(100) < doubled_percent;
            let count = if lost { 0 } else { 1 + usize::from(doubled) };
            let delays: Vec<u64> = (0..count).map(|_| state.chance.below(delay_ms + 1)).collect();
            (state.receiver.clone(), delays)
        };
        let Some(receiver) = receiver else { return };
        for delay in copies {
            let (client, receiver, sent) = (self.1.clone(), receiver.clone(), sent.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                for attempt in 0..TRIES {
                    let request = client.post(&receiver).header("content-type", "application/json");
                    let request = request.header("stripe-signature", &sent.signature).body(sent.body.clone());
                    if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                }
            });
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A `Stripe-Signature`.
pub fn sign(secret: &str, time: u64, body: &[u8]) -> String {
    let mac = crypto::hmac_sha256(secret.as_bytes(), &[format!("{time}.").as_bytes(), body]);
    let hex = mac.iter().fold(String::new(), |mut hex, byte| {
        // A String takes what is written to it.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("t={time},v1={hex}")
}
