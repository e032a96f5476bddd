//! A role of a few operations, and the edge in front of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use crypto::{Claims, TokenConfig, TokenSigner, TokenVerifier};
use gateway::stream::Hub;
use gateway::{Gateway, GatewayConfig};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use kernel::{Clock, Scope};
use runtime::health::Health;
use runtime::http::{ApiError, Caller, Json, PathParam, Policy, Rate, Reply, Role, Routes, routes};
use runtime::redis::Redis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt as _;
use utoipa::ToSchema;

pub const ISSUER: &str = "https://shop.example";

/// What the role's handlers share with the test.
#[derive(Default)]
pub struct Role0 {
    pub arrived: Notify,
    pub go_on: Notify,
}

#[derive(Serialize, ToSchema)]
struct Parcel {
    id: u32,
    label: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ParcelRequest {
    label: String,
}

/// Reads a parcel
#[utoipa::path(get, path = "/api/v1/parcels/{id}", operation_id = "get_parcel", params(("id" = u32, Path)), responses((status = 200)))]
async fn get_parcel(PathParam(id): PathParam<u32>) -> Reply<Parcel> {
    Reply::ok(Parcel { id, label: "books".into() })
}

/// Makes a parcel
#[utoipa::path(post, path = "/api/v1/parcels", operation_id = "create_parcel", request_body = ParcelRequest, responses((status = 201)))]
async fn create_parcel(
    Caller(_caller): Caller,
    Json(ParcelRequest { label }): Json<ParcelRequest>,
) -> Result<Reply<Parcel>, ApiError> {
    Ok(Reply::created(Parcel { id: 7, label }, "/api/v1/parcels/7"))
}

/// Lists parcels
#[utoipa::path(get, path = "/api/v1/admin/parcels", operation_id = "list_parcels", responses((status = 200)))]
async fn list_parcels() -> Reply<Vec<Parcel>> {
    Reply::ok(Vec::new())
}

/// Signs in
#[utoipa::path(post, path = "/api/v1/auth/login", operation_id = "login", responses((status = 200)))]
async fn login() -> Reply<Vec<Parcel>> {
    Reply::ok(Vec::new())
}

/// Never ends
#[utoipa::path(get, path = "/api/v1/endless", operation_id = "endless", responses((status = 200)))]
async fn endless() -> Reply<Vec<Parcel>> {
    std::future::pending().await
}

/// Panics
#[utoipa::path(get, path = "/api/v1/broken", operation_id = "broken", responses((status = 200)))]
async fn broken() -> Reply<Vec<Parcel>> {
    panic!("a fault in a handler")
}

/// Ends when the test says so
#[utoipa::path(get, path = "/api/v1/waiting", operation_id = "waiting", responses((status = 200)))]
async fn waiting(State(role): State<Arc<Role0>>) -> Reply<Vec<Parcel>> {
    role.arrived.notify_one();
    role.go_on.notified().await;
    Reply::ok(Vec::new())
}

pub fn routes() -> Routes<Arc<Role0>> {
    Routes::new(Role::Orders)
        .add(routes!(get_parcel), Policy::public())
        .add(routes!(create_parcel), Policy::customer())
        .add(routes!(list_parcels), Policy::scope(Scope::ReadOrders))
        .add(routes!(login), Policy::public().rate(Rate::Credentials))
        .add(routes!(endless), Policy::public().deadline(Duration::from_millis(20)))
        .add(routes!(broken), Policy::public())
        .add(routes!(waiting), Policy::optional())
}

/// The edge with its role, and a client of both.
pub struct Shop {
    pub gateway: Gateway,
    pub role: Arc<Role0>,
    pub health: Health,
    pub clock: Clock,
    signer: TokenSigner,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub fn signer(clock: &Clock) -> TokenSigner {
    let signing_key = TokenSigner::generate_pem();
    let config = TokenConfig { issuer: ISSUER.into(), audience: ISSUER.into(), signing_key, ..TokenConfig::default() };
    TokenSigner::new(&config, clock.clone()).unwrap()
}

pub fn claims(scopes: &[Scope]) -> Claims {
    Claims {
        user_id: kernel::id::new_id(),
        session: kernel::id::new_id(),
        client_id: "tests".into(),
        scopes: scopes.iter().copied().collect(),
    }
}

impl Shop {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::with_redis(change, None)
    }

    pub fn with_redis(change: impl FnOnce(&mut GatewayConfig), redis: Option<&Redis>) -> Self {
        let mut config = GatewayConfig::default();
        change(&mut config);
        let clock = Clock::system();
        let signer = signer(&clock);
        let verifier = TokenVerifier::new(signer.jwks(), ISSUER, ISSUER, clock.clone()).unwrap();
        let role = Arc::new(Role0::default());
        let health = Health::default();
        let api = routes().build(Arc::clone(&role), &verifier);
        let hub = Hub::new(Vec::new(), &config.stream);
        let gateway = Gateway::new(&config, vec![api], &verifier, health.clone(), redis, hub);
        Self { gateway, role, health, clock, signer }
    }

    pub fn token(&self, scopes: &[Scope]) -> String {
        self.signer.issue(&claims(scopes))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn get_as(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, token: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", content_type);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer = SocketAddr::from(([203, 0, 113, 7], 4711));
        if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let response = self.gateway.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}
