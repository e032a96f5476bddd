//! A role of a few operations whose instances can be killed, and the edge in front of them.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use crypto::{InternalSigner, InternalVerifier, TokenConfig, TokenSigner, TokenVerifier};
use gateway::upstream::{Address, Credentials, State as InstanceState, Upstream, UpstreamConfig};
use gateway::{Gateway, GatewayConfig};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use kernel::{Clock, Secret};
use runtime::Tasks;
use runtime::health::Health;
use runtime::http::{Body as Takes, Policy, Rate, Role, Routes, routes, serve};
use runtime::internal::{Peers, TlsFiles};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const ISSUER: &str = "https://shop.example";
pub const PIECE: usize = 64 * 1024;

/// What an instance does, and what it saw.
pub struct Instance {
    /// How many requests came.
    pub arrived: AtomicUsize,
    pub arrival: Notify,
    /// The headers of the last one.
    pub seen: Mutex<HeaderMap>,
    /// Its database is away, which GraphQL says in an answer of 200.
    pub database_away: AtomicBool,
    /// Its database says nothing.
    pub database_frozen: Arc<AtomicBool>,
    /// How often it looked whether its database answers.
    pub looked: Arc<AtomicUsize>,
    /// The status that it answers with.
    pub status: Mutex<StatusCode>,
    /// Changes wait for a permit. Closed: they never end.
    pub go_on: Semaphore,
    /// What was done.
    pub effects: Arc<AtomicUsize>,
    /// Bytes that it read of an upload or made of a download.
    pub bytes: AtomicUsize,
    /// Requests that were dropped before they were answered.
    pub cancelled: Arc<Notify>,
}

struct Cancelled(Option<Arc<Notify>>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        if let Some(notify) = self.0.take() {
            notify.notify_one();
        }
    }
}

fn arrive(role: &Instance, headers: &HeaderMap) -> Option<Response> {
    *role.seen.lock().unwrap() = headers.clone();
    role.arrived.fetch_add(1, Ordering::SeqCst);
    role.arrival.notify_one();
    let status = *role.status.lock().unwrap();
    (status != StatusCode::OK).then(|| (status, "{\"code\":\"ITS_OWN\"}").into_response())
}

/// Reads
#[utoipa::path(get, path = "/api/v1/things", operation_id = "list_things", responses((status = 200)))]
async fn list_things(State(role): State<Arc<Instance>>, headers: HeaderMap) -> Response {
    if let Some(response) = arrive(&role, &headers) {
        return response;
    }
    ([("x-tradepost-secret", "1"), ("x-kept", "1")], "things").into_response()
}

/// Changes
#[utoipa::path(post, path = "/api/v1/things", operation_id = "create_thing", request_body = Value, responses((status = 201)))]
async fn create_thing(State(role): State<Arc<Instance>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut cancelled = Cancelled(Some(role.cancelled.clone()));
    if let Some(response) = arrive(&role, &headers) {
        return response;
    }
    if role.go_on.acquire().await.is_err() {
        std::future::pending::<Infallible>().await;
    }
    cancelled.0 = None;
    role.effects.fetch_add(1, Ordering::SeqCst);
    (StatusCode::CREATED, body).into_response()
}

/// Takes much
#[utoipa::path(post, path = "/api/v1/uploads", operation_id = "upload", request_body = Value, responses((status = 200)))]
async fn upload(State(role): State<Arc<Instance>>, request: Request) -> Response {
    arrive(&role, request.headers());
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        role.go_on.acquire().await.unwrap().forget();
        let Ok(frame) = frame else { return StatusCode::BAD_REQUEST.into_response() };
        role.bytes.fetch_add(frame.into_data().unwrap_or_default().len(), Ordering::SeqCst);
    }
    role.bytes.load(Ordering::SeqCst).to_string().into_response()
}

/// Gives much
#[utoipa::path(get, path = "/api/v1/downloads", operation_id = "download", responses((status = 200)))]
async fn download(State(role): State<Arc<Instance>>, headers: HeaderMap) -> Response {
    arrive(&role, &headers);
    let pieces = futures_util::stream::unfold(0, move |n| {
        let role = Arc::clone(&role);
        async move {
            role.bytes.fetch_add(PIECE, Ordering::SeqCst);
            (n < 1024).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE])), n + 1))
        }
    });
    Body::from_stream(pieces).into_response()
}

/// Asks the catalog
#[utoipa::path(post, path = "/api/v1/graphql", operation_id = "graphql", request_body = Value, responses((status = 200)))]
async fn graphql(State(role): State<Arc<Instance>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(response) = arrive(&role, &headers) {
        return response;
    }
    if role.database_away.load(Ordering::SeqCst) {
        return "{\"errors\":[{\"extensions\":{\"code\":\"SERVICE_UNAVAILABLE\"}}]}".into_response();
    }
    if body.starts_with(b"{\"query\":\"mutation") {
        role.effects.fetch_add(1, Ordering::SeqCst);
        return "{\"data\":{\"done\":true}}".into_response();
    }
    ([("etag", "\"1\""), ("content-type", "application/json")], "{\"data\":{\"hat\":1}}").into_response()
}

pub fn table() -> Routes<Arc<Instance>> {
    let takes_much = Takes::Stream { limit_bytes: 1 << 30, content_types: &["text/csv"] };
    Routes::new(Role::Products)
        .add(routes!(list_things), Policy::optional())
        .add(routes!(create_thing), Policy::optional())
        .add(routes!(upload), Policy::optional().body(takes_much).rate(Rate::Bulk))
        .add(routes!(download), Policy::optional().rate(Rate::Bulk))
        .add(routes!(graphql), Policy::optional().graphql())
}

impl Instance {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            arrived: AtomicUsize::new(0),
            arrival: Notify::new(),
            seen: Mutex::default(),
            database_away: AtomicBool::new(false),
            database_frozen: Arc::default(),
            looked: Arc::default(),
            status: Mutex::new(StatusCode::OK),
            go_on: Semaphore::new(Semaphore::MAX_PERMITS),
            effects: Arc::default(),
            bytes: AtomicUsize::new(0),
            cancelled: Arc::default(),
        })
    }

    pub fn arrivals(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    fn health(&self) -> Health {
        let (health, frozen, looked) = (Health::default(), Arc::clone(&self.database_frozen), Arc::clone(&self.looked));
        health.add("database", move || {
            looked.fetch_add(1, Ordering::SeqCst);
            let frozen = Arc::clone(&frozen);
            async move {
                if frozen.load(Ordering::SeqCst) {
                    std::future::pending::<Infallible>().await;
                }
                Ok::<_, Infallible>(())
            }
        });
        health
    }

    pub fn answer_with(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }
}

/// An instance in a runtime of its own, so that it can be killed with all its connections.
pub struct Process {
    pub role: Arc<Instance>,
    pub address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Process {
    pub fn start(role: Arc<Instance>, verifier: &TokenVerifier) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), role, verifier, None)
    }

    pub fn start_at(
        address: SocketAddr,
        role: Arc<Instance>,
        verifier: &TokenVerifier,
        tls: Option<&TlsFiles>,
    ) -> Self {
        let tls = tls.map(|files| files.server().unwrap());
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let router = table().build(Arc::clone(&role), verifier).router;
        let router = Router::new().merge(router).merge(gateway::operations::probes(role.health()));
        let peers = Peers::new(InternalVerifier::new(&secret(), None, Clock::system()).unwrap());
        let router = router.layer(from_fn_with_state(peers, runtime::internal::entry::enter));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            serve::serve_peers(listener, tls, router, CancellationToken::new(), Duration::ZERO).await;
        });
        Self { role, address, runtime: Some(runtime) }
    }

    /// Ends it with everything that it has open.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The edge in front of some addresses.
pub struct Edge {
    pub router: Router,
    pub upstream: Arc<Upstream>,
    pub tasks: Tasks,
    pub token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn code(&self) -> String {
        serde_json::from_str::<Value>(&self.text).unwrap()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// What all of a test's processes trust.
pub struct Trust {
    signer: TokenSigner,
    pub verifier: TokenVerifier,
}

impl Trust {
    pub fn new() -> Self {
        let clock = Clock::system();
        let signing_key = TokenSigner::generate_pem();
        let config =
            TokenConfig { issuer: ISSUER.into(), audience: ISSUER.into(), signing_key, ..TokenConfig::default() };
        let signer = TokenSigner::new(&config, clock.clone()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), ISSUER, ISSUER, clock).unwrap();
        Self { signer, verifier }
    }
}

/// What the processes of a test share.
fn secret() -> Secret {
    Secret::from("c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgYW5kIG1vcmU=".to_owned())
}

/// Quick to see and to forget, so that tests need not wait.
pub fn config() -> UpstreamConfig {
    UpstreamConfig {
        check_period_ms: 50,
        check_timeout_ms: 2000,
        eject_ms: 300,
        breaker_open_ms: 200,
        retries_per_second: 1000,
        ..UpstreamConfig::default()
    }
}

impl Edge {
    pub fn new(trust: &Trust, addresses: &[SocketAddr], config: &UpstreamConfig) -> Self {
        let addresses: Vec<_> = addresses.iter().map(|address| format!("http://{address}")).collect();
        Self::over(trust, &addresses, config, None)
    }

    /// The edge in front of addresses with `http` or `https`.
    pub fn over(trust: &Trust, addresses: &[String], config: &UpstreamConfig, tls: Option<&TlsFiles>) -> Self {
        let signer = InternalSigner::new(&secret(), "gateway", Clock::system()).unwrap();
        let addresses: Vec<Address> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let upstream = Upstream::new(
            Role::Products,
            addresses,
            config,
            Credentials { signer, tls: tls.map(|files| files.client().unwrap()) },
        );
        let mut settings = GatewayConfig::default();
        settings.limits.enabled = false;
        let api = upstream.api(table().table(), table().openapi().clone());
        let gateway = Gateway::new(
            &settings,
            vec![api],
            &trust.verifier,
            Health::default(),
            None,
            gateway::stream::Hub::new(Vec::new(), &settings.stream),
        );
        gateway.tell_of(vec![Arc::clone(&upstream)]);
        let claims = crypto::Claims {
            user_id: kernel::id::new_id(),
            session: kernel::id::new_id(),
            client_id: "tests".into(),
            scopes: [kernel::Scope::Customer].into_iter().collect(),
        };
        Self { router: gateway.router(), upstream, tasks: Tasks::new(), token: trust.signer.issue(&claims) }
    }

    /// Looks after the instances too.
    pub fn checking(self) -> Self {
        self.upstream.start(&self.tasks);
        self
    }

    pub async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub async fn get(&self) -> Answer {
        self.send(Request::get("/api/v1/things").body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, key: Option<&str>) -> Answer {
        let mut request = Request::post("/api/v1/things").header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request.body("{}".into()).unwrap()).await
    }

    pub async fn graphql(&self, document: &str, token: Option<&str>) -> Answer {
        let mut request = Request::post("/api/v1/graphql").header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = serde_json::json!({ "query": document }).to_string();
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Waits until the instances do as `expected`, in any order.
    pub async fn wait_for(&self, expected: &[InstanceState]) {
        let mut expected = expected.to_vec();
        expected.sort();
        until(|| {
            let mut states = self.upstream.instances();
            states.sort();
            states == expected
        })
        .await;
    }
}

/// Waits for a condition; fails when it does not come.
pub async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A listener behind which nobody is: connections are taken by the kernel, as those of a stopped process.
pub fn frozen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// An address where nothing listens.
pub fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
