//! A merchant's endpoint: takes every event, now and then only at a later try, and remembers in which order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use serde_json::Value;
use tokio::net::TcpListener;

/// The part of deliveries that are refused, so that they come again.
const REFUSED: f64 = 0.03;

/// What arrived.
#[derive(Default)]
pub struct Received {
    /// By source and sequence: how often it was taken.
    pub taken: HashMap<(String, i64), u32>,
    /// By object: the versions in the order in which each was first taken.
    pub versions: HashMap<String, Vec<i64>>,
    /// Deliveries whose signature was not good.
    pub forged: u64,
    /// Deliveries that were refused on purpose.
    pub refused: u64,
}

/// The endpoint.
#[derive(Clone)]
pub struct Receiver {
    /// Where it is.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    secret: Mutex<Vec<u8>>,
    received: Mutex<Received>,
}

impl Receiver {
    /// Starts to listen. It ends with this process.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let router = Router::new().route("/", post(take)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, shared })
    }

    /// Takes only what is signed with this secret, `whsec_…`.
    pub fn expect_secret(&self, secret: &str) -> anyhow::Result<()> {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_"))?;
        *self.shared.secret.lock().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// Looks at what arrived.
    pub fn look<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        look(&self.shared.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let good = {
        let key = shared.secret.lock().unwrap_or_else(PoisonError::into_inner);
        is_signed(&key, &headers, &body)
    };
    let mut received = shared.received.lock().unwrap_or_else(PoisonError::into_inner);
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let data = &event["data"];
    let (Some(source), Some(sequence), Some(version), Some(object)) =
        (data["source"].as_str(), data["sequence"].as_i64(), data["version"].as_i64(), data["id"].as_str())
    else {
        return StatusCode::NO_CONTENT; // A test event: about no object.
    };
    if !good {
        received.forged += 1;
        return StatusCode::UNAUTHORIZED;
    }
    if rand::rng().random_bool(REFUSED) {
        received.refused += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let times = received.taken.entry((source.to_owned(), sequence)).or_insert(0);
    *times += 1;
    if *times == 1 {
        received.versions.entry(object.to_owned()).or_default().push(version);
    }
    StatusCode::NO_CONTENT
}

/// Whether one of the signatures is ours over id, time and body.
fn is_signed(key: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = [text("webhook-id").as_bytes(), b".", text("webhook-timestamp").as_bytes(), b".", body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    text("webhook-signature")
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .any(|signature| STANDARD.decode(signature).is_ok_and(|tag| hmac::verify(&key, &signed, &tag).is_ok()))
}
