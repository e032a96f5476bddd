//! The role with its router, and a client of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chrono::{TimeDelta, Utc};
use crypto::{Claims, Keyring, KeyringConfig, TokenConfig, TokenSigner, TokenVerifier};
use events::Envelope;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use kernel::{Clock, Scope, Scopes};
use runtime::http::entry;
use serde_json::{Value, json};
use test_kit::TestDb;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;
use webhooks::sender::dispatcher;
use webhooks::sender::resolver::{Lookup, system_lookup};
use webhooks::{Config, Webhooks};

use crate::receiver::Receiver;

pub const ENDPOINTS: &str = "/api/v1/admin/webhook-endpoints";
pub const DELIVERIES: &str = "/api/v1/admin/webhook-deliveries";
/// Time that something which must come has to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// The role under test.
pub struct App {
    pub db: TestDb,
    pub webhooks: Arc<Webhooks>,
    pub clock: Clock,
    pub keyring: Keyring,
    pub config: Config,
    signer: TokenSigner,
    router: Router,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    /// The data of an answer with this status.
    #[track_caller]
    pub fn data(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        &self.body["data"]
    }

    /// Field and code of the first detail.
    pub fn detail(&self) -> (&str, &str) {
        let detail = &self.body["details"][0];
        (detail["field"].as_str().unwrap_or_default(), detail["code"].as_str().unwrap_or_default())
    }
}

/// An instance at work; ends when dropped.
pub struct Instance {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Instance {
    /// Ends it as a crash would: what is under way is cut off, no lease is given back. It does nothing more once this returns.
    pub async fn kill(&mut self) {
        self.running.abort();
        let ended = (&mut self.running).await.unwrap_err();
        assert!(ended.is_cancelled(), "{ended}");
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Settings that let endpoints be on this machine.
pub fn config() -> Config {
    Config {
        allow_http: true,
        allow_private_addresses: vec!["127.0.0.1/32".parse().unwrap()],
        timeout_seconds: 5,
        ..Config::default()
    }
}

impl App {
    pub async fn new() -> Self {
        Self::with(config(), system_lookup()).await
    }

    pub async fn with(config: Config, lookup: Lookup) -> Self {
        let (db, clock) = (TestDb::new(&webhooks::SCHEMA).await, Clock::system());
        let keyring = Keyring::new(&KeyringConfig::generate()).unwrap();
        let tokens = TokenConfig {
            issuer: "https://shop.example".into(),
            audience: "tradepost".into(),
            signing_key: TokenSigner::generate_pem(),
            ..TokenConfig::default()
        };
        // Tokens have a clock of their own: tests move the role's on by days.
        let signer = TokenSigner::new(&tokens, Clock::system()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), &tokens.issuer, &tokens.audience, Clock::system()).unwrap();
        let webhooks = Webhooks::with_lookup(db.db().clone(), keyring.clone(), clock.clone(), &config, lookup).unwrap();
        let router = webhooks::routes().build(Arc::clone(&webhooks), &verifier).router;
        let router = router.layer(axum::middleware::from_fn(entry::enter));
        Self { db, webhooks, clock, keyring, config, signer, router }
    }

    /// Begins to send, as one more instance.
    pub fn start(&self) -> Instance {
        let webhooks =
            Webhooks::new(self.db.db().clone(), self.keyring.clone(), self.clock.clone(), &self.config).unwrap();
        Self::run(webhooks)
    }

    /// Begins to send with the role under test itself.
    pub fn start_itself(&self) -> Instance {
        Self::run(Arc::clone(&self.webhooks))
    }

    fn run(webhooks: Arc<Webhooks>) -> Instance {
        let stop = CancellationToken::new();
        let running = tokio::spawn(dispatcher::run(webhooks, stop.clone()));
        Instance { stop, running }
    }

    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let scopes: Scopes = [Scope::ReadWebhooks, Scope::WriteWebhooks].into_iter().collect();
        let claims = Claims { user_id: Uuid::from_u128(7), session: Uuid::nil(), client_id: "test".into(), scopes };
        let token = format!("Bearer {}", self.signer.issue(&claims));
        let mut request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    /// A `POST` without a body.
    pub async fn act(&self, path: &str) -> Answer {
        self.call(Method::POST, path, &[], None).await
    }

    /// An endpoint at this receiver that wants these types; gives its id and its secret.
    pub async fn endpoint(&self, receiver: &Receiver, event_types: &[&str]) -> (Uuid, String) {
        let body = json!({ "url": receiver.url(), "event_types": event_types });
        let made = self.post(ENDPOINTS, body).await.data(201).clone();
        (made["endpoint"]["id"].as_str().unwrap().parse().unwrap(), made["secret"].as_str().unwrap().to_owned())
    }

    pub async fn endpoint_now(&self, id: Uuid) -> Value {
        self.get(&format!("{ENDPOINTS}/{id}")).await.data(200).clone()
    }

    /// The deliveries of an endpoint, the oldest first.
    pub async fn deliveries(&self, endpoint: Uuid) -> Vec<Value> {
        let path = format!("{DELIVERIES}?endpoint_id={endpoint}&limit=100");
        let mut all = self.get(&path).await.data(200).as_array().unwrap().clone();
        all.reverse();
        all
    }

    /// The statuses of an endpoint's deliveries, the oldest first.
    pub async fn statuses(&self, endpoint: Uuid) -> Vec<String> {
        let deliveries = self.deliveries(endpoint).await;
        deliveries.iter().map(|delivery| delivery["status"].as_str().unwrap().to_owned()).collect()
    }

    /// A delivery with its attempts.
    pub async fn delivery(&self, id: &Value) -> Value {
        self.get(&format!("{DELIVERIES}/{}", id.as_str().unwrap())).await.data(200).clone()
    }

    /// Gives an event to the role, as the transport does.
    pub async fn happened(&self, event: &Envelope) {
        for consumer in webhooks::consumers(&self.webhooks) {
            consumer.deliver(event).await;
        }
    }

    /// Gives the role an order's event of this version.
    pub async fn ordered(&self, order: Uuid, version: i64) -> Envelope {
        let event = event("order.cancelled", order, version, json!({ "reason": "CUSTOMER_REQUEST" }));
        self.happened(&event).await;
        event
    }

    /// Moves the clock on, far enough for anything that waits so long at most, whatever the jitter.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time * 11 / 10 + TimeDelta::seconds(1));
    }

    /// Waits until there are so many attempts at an endpoint's deliveries, all of them kept.
    pub async fn attempted(&self, endpoint: Uuid, attempts: i64) {
        let made = async || {
            let statement = "SELECT count(*) FROM attempts a JOIN deliveries d ON d.id = a.delivery_id
                             WHERE d.endpoint_id = $1";
            sqlx::query_scalar::<_, i64>(statement).bind(endpoint).fetch_one(self.db.owner()).await.unwrap()
        };
        until("attempts", async || made().await >= attempts).await;
        assert_eq!(made().await, attempts, "no more than wanted");
    }

    /// Waits until nothing of an endpoint waits.
    pub async fn all_done(&self, endpoint: Uuid) {
        until("everything to be done", async || {
            let statement =
                "SELECT count(*) FROM deliveries WHERE endpoint_id = $1 AND status IN ('pending', 'parked')";
            let left: i64 = sqlx::query_scalar(statement).bind(endpoint).fetch_one(self.db.owner()).await.unwrap();
            left == 0
        })
        .await;
    }

    /// Waits until nothing is being sent.
    pub async fn nothing_under_way(&self) {
        until("attempts to end", async || {
            let statement = "SELECT count(*) FROM deliveries WHERE lease IS NOT NULL";
            sqlx::query_scalar::<_, i64>(statement).fetch_one(self.db.owner()).await.unwrap() == 0
        })
        .await;
    }

    pub async fn assert_sound(&self) {
        assert_eq!(webhooks::ops::find_violations(&self.webhooks).await.unwrap(), []);
    }
}

/// Waits for a condition.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An event of an object.
pub fn event(kind: &str, object: Uuid, version: i64, data: Value) -> Envelope {
    let known = events::find(kind).unwrap();
    Envelope {
        id: Uuid::now_v7(),
        sequence: Some(version),
        source: known.role.to_owned(),
        kind: kind.to_owned(),
        aggregate: known.aggregate.to_owned(),
        aggregate_id: object,
        version,
        data,
        occurred_at: Utc::now(),
        trace_parent: None,
    }
}
