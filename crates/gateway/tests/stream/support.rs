//! An edge with roles whose logs the test writes, behind a real socket, and clients of its stream.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use contracts::event_log::{EventLog, EventLogClient};
use crypto::{Claims, TokenConfig, TokenSigner, TokenVerifier};
use events::Envelope;
use futures_util::{SinkExt as _, StreamExt as _};
use gateway::stream::{Hub, StreamConfig};
use gateway::{Gateway, GatewayConfig};
use kernel::{Clock, Context, Failure, Scope};
use runtime::Tasks;
use runtime::health::Health;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

const ISSUER: &str = "https://shop.example";
/// After this a test that waits has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A role's log in memory.
#[derive(Default)]
pub struct Log {
    events: Mutex<Vec<Arc<Envelope>>>,
    pub away: AtomicBool,
}

impl Log {
    /// Writes an event and gives it as the relay would publish it.
    pub fn write(&self, source: &str, kind: &str, aggregate_id: Uuid, data: Value) -> Arc<Envelope> {
        let mut events = self.events.lock().unwrap();
        let sequence = i64::try_from(events.len()).unwrap() + 1;
        let event = Arc::new(Envelope {
            id: Uuid::new_v4(),
            sequence: Some(sequence),
            source: source.to_owned(),
            kind: kind.to_owned(),
            aggregate: kind.split('.').next().unwrap().to_owned(),
            aggregate_id,
            version: sequence,
            data,
            occurred_at: Utc::now(),
            trace_parent: None,
        });
        events.push(Arc::clone(&event));
        event
    }

    fn check(&self) -> Result<(), Failure> {
        if self.away.load(Ordering::SeqCst) { Err(Failure::unavailable()) } else { Ok(()) }
    }
}

#[async_trait]
impl EventLog for Log {
    async fn events_after(&self, _: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        self.check()?;
        let events = self.events.lock().unwrap();
        let (after, limit) = (usize::try_from(after).unwrap(), usize::try_from(limit).unwrap());
        Ok(events.iter().skip(after).take(limit).cloned().collect())
    }

    async fn last_sequence(&self, _: &Context) -> Result<i64, Failure> {
        self.check()?;
        Ok(i64::try_from(self.events.lock().unwrap().len()).unwrap())
    }
}

/// A gateway and the logs behind it.
pub struct Edge {
    pub address: SocketAddr,
    pub hub: Arc<Hub>,
    pub orders: Arc<Log>,
    pub products: Arc<Log>,
    pub tasks: Tasks,
    verifier: TokenVerifier,
    signing: TokenConfig,
}

impl Edge {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut StreamConfig)) -> Self {
        let mut config = GatewayConfig::default();
        config.limits.enabled = false;
        config.stream.heartbeat_seconds = 1;
        change(&mut config.stream);
        let signing = TokenConfig {
            issuer: ISSUER.into(),
            audience: ISSUER.into(),
            signing_key: TokenSigner::generate_pem(),
            ..TokenConfig::default()
        };
        let signer = TokenSigner::new(&signing, Clock::system()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), ISSUER, ISSUER, Clock::system()).unwrap();
        let (orders, products) = (Arc::new(Log::default()), Arc::new(Log::default()));
        let logs = vec![
            ("orders", EventLogClient::local(orders.clone())),
            ("products", EventLogClient::local(products.clone())),
        ];
        let hub = Hub::new(logs, &config.stream);
        let gateway = Gateway::new(&config, Vec::new(), &verifier, Health::default(), None, Arc::clone(&hub));
        let tasks = Tasks::new();
        gateway.start_jobs(&tasks);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = gateway.router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { address, hub, orders, products, tasks, verifier, signing }
    }

    /// A token of `user` that is good for `seconds`.
    pub fn token(&self, user: Uuid, scopes: &[Scope], seconds: i64) -> String {
        let clock = Clock::system();
        clock.advance(TimeDelta::seconds(seconds - crypto::token::ACCESS_TOKEN_SECONDS));
        let claims = Claims {
            user_id: user,
            session: Uuid::new_v4(),
            client_id: "tests".into(),
            scopes: scopes.iter().copied().collect(),
        };
        TokenSigner::new(&self.signing, clock).unwrap().issue(&claims)
    }

    /// Ends the session of `token`, as signing out does.
    pub fn end_session(&self, token: &str) {
        let session = self.verifier.verify(token).unwrap().session;
        self.verifier.ended_sessions().add(session, Utc::now() + TimeDelta::hours(1));
    }

    /// An order's event, written and published.
    pub fn order(&self, kind: &str, order: Uuid, user: Option<Uuid>) -> Arc<Envelope> {
        let event = self.orders.write("orders", kind, order, json!({ "user_id": user, "number": 7 }));
        self.hub.feed(Arc::clone(&event));
        event
    }

    pub async fn connect(&self, token: Option<&str>) -> Client {
        self.try_connect(token, None).await.unwrap()
    }

    pub async fn try_connect(
        &self,
        token: Option<&str>,
        origin: Option<&str>,
    ) -> Result<Client, tokio_tungstenite::tungstenite::Error> {
        let mut request = format!("ws://{}/api/v1/stream", self.address).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        let mut client = Client(socket);
        assert_eq!(client.next().await["type"], "welcome");
        Ok(client)
    }
}

/// A client of the stream.
pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message that is no heartbeat.
    pub async fn next(&mut self) -> Value {
        self.read().await.unwrap_or_else(|close| panic!("closed: {close:?}"))
    }

    /// The next message that is no heartbeat, or the code and reason of the close.
    pub async fn read(&mut self) -> Result<Value, Option<(u16, String)>> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "position" {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The close that ends the connection.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            if let Err(close) = self.read().await {
                return close;
            }
        }
    }

    /// Subscribes, and gives the answer; tries again while the gateway does not know the role's sequence.
    pub async fn subscribe(&mut self, topics: &[&str], after: Value) -> Value {
        loop {
            self.say(json!({ "type": "subscribe", "topics": topics, "after": after })).await;
            let answer = self.next().await;
            if answer["code"] != "SOURCE_UNAVAILABLE" {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
