//! The role with its router, and a client of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use contracts::products::ProductsClient;
use contracts::users::UsersClient;
use crypto::{Claims, Keyring, KeyringConfig, TokenConfig, TokenSigner, TokenVerifier};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use kernel::{Clock, Context, Scope, Scopes};
use orders::payments::manual::Manual;
use orders::payments::stripe::Stripe;
use orders::payments::{PaymentProvider, Providers};
use orders::{Config, Orders};
use runtime::http::entry;
use serde_json::{Value, json};
use test_kit::TestDb;
use tower::ServiceExt;
use uuid::Uuid;

use crate::fakes::{FakeProducts, FakeProvider, FakeUsers};

/// The role under test.
pub struct Shop {
    pub db: TestDb,
    pub orders: Arc<Orders>,
    pub products: Arc<FakeProducts>,
    pub provider: Arc<FakeProvider>,
    pub clock: Clock,
    pub config: Config,
    keyring: Keyring,
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
    /// The data of an answer with this status.
    #[track_caller]
    pub fn data(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body["data"].clone()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    /// The codes of a refusal's details.
    pub fn details(&self) -> Vec<&str> {
        self.body["details"].as_array().unwrap().iter().map(|detail| detail["code"].as_str().unwrap()).collect()
    }
}

/// Who calls.
#[derive(Clone)]
pub struct Client<'a> {
    shop: &'a Shop,
    token: Option<String>,
    /// The account.
    pub user_id: Uuid,
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(Config { lease_seconds: 1, ..Config::default() }).await
    }

    pub async fn with(config: Config) -> Self {
        let (db, clock) = (TestDb::new(&orders::SCHEMA).await, Clock::system());
        let keyring = Keyring::new(&KeyringConfig::generate()).unwrap();
        let tokens = TokenConfig {
            issuer: "https://shop.example".into(),
            audience: "tradepost".into(),
            signing_key: TokenSigner::generate_pem(),
            ..TokenConfig::default()
        };
        let signer = TokenSigner::new(&tokens, clock.clone()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), &tokens.issuer, &tokens.audience, clock.clone()).unwrap();
        let (products, provider) = (Arc::<FakeProducts>::default(), Arc::<FakeProvider>::default());
        let orders = instance(&db, &keyring, &clock, &products, &provider, &config);
        let router = orders::routes().build(Arc::clone(&orders), &verifier).router;
        let router = router.layer(axum::middleware::from_fn(entry::enter));
        Self { db, orders, products, provider, clock, config, keyring, signer, router }
    }

    /// Another process of the same shop.
    pub fn another_instance(&self) -> Arc<Orders> {
        instance(&self.db, &self.keyring, &self.clock, &self.products, &self.provider, &self.config)
    }

    /// Opens the doors on a free port. Gives the address.
    pub async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    pub fn guest(&self) -> Client<'_> {
        Client { shop: self, token: None, user_id: Uuid::nil() }
    }

    pub fn customer(&self) -> Client<'_> {
        self.signed_in(&[Scope::Customer])
    }

    pub fn staff(&self) -> Client<'_> {
        self.signed_in(&[Scope::Customer, Scope::ReadOrders, Scope::WriteOrders])
    }

    pub fn signed_in(&self, scopes: &[Scope]) -> Client<'_> {
        let user_id = Uuid::new_v4();
        let scopes: Scopes = scopes.iter().copied().collect();
        let claims = Claims { user_id, session: Uuid::new_v4(), client_id: "test".into(), scopes };
        Client { shop: self, token: Some(self.signer.issue(&claims)), user_id }
    }

    /// What `doctor` finds.
    pub async fn findings(&self) -> Vec<String> {
        let context = Context::system("test", Duration::from_secs(30));
        let found = orders::doctor::find_violations(&self.orders, &context).await.unwrap();
        found.into_iter().map(|finding| format!("{} {}", finding.rule, finding.id)).collect()
    }

    /// That the books are sound: every test of orders ends with it.
    pub async fn assert_sound(&self) {
        assert_eq!(self.findings().await, Vec::<String>::new());
    }

    /// One number from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.owner()).await.unwrap()
    }

    /// Waits until a statement gives true.
    pub async fn until(&self, sql: &'static str) {
        let give_up = Instant::now() + Duration::from_secs(30);
        while !sqlx::query_scalar::<_, bool>(sql).fetch_one(self.db.owner()).await.unwrap() {
            assert!(Instant::now() < give_up, "never: {sql}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn instance(
    db: &TestDb,
    keyring: &Keyring,
    clock: &Clock,
    products: &Arc<FakeProducts>,
    provider: &Arc<FakeProvider>,
    config: &Config,
) -> Arc<Orders> {
    let mut providers: Vec<Arc<dyn PaymentProvider>> = vec![Arc::new(Manual), provider.clone()];
    if config.stripe.is_set() {
        providers.push(Arc::new(Stripe::new(&config.stripe).unwrap()));
    }
    Orders::new(
        db.db().clone(),
        keyring.clone(),
        clock.clone(),
        ProductsClient::local(products.clone()),
        UsersClient::local(Arc::new(FakeUsers)),
        Providers::new(providers),
        config,
    )
    .unwrap()
}

pub fn address(country: &str) -> Value {
    json!({"first_name": "Ada", "last_name": "Quill", "line1": "12 Larch Row", "city": "Leeds", "postal_code": "LS1 4AP",
           "country": country})
}

impl Client<'_> {
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let kind = body.is_some().then_some(("content-type", "application/json"));
        let headers: Vec<_> = headers.iter().copied().chain(kind).collect();
        self.raw(method, path, &headers, body.map_or_else(String::new, |body| body.to_string())).await
    }

    /// A request whose body goes as it is.
    pub async fn raw(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = if body.is_empty() { Body::empty() } else { Body::from(body) };
        let response = self.shop.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub async fn keyed(&self, key: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(Method::POST, path, &[("idempotency-key", key)], body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// The path of a cart that can be completed.
    pub async fn ready_cart(&self, variant: Uuid, quantity: i64) -> String {
        self.ready_cart_of(&[(variant, quantity)], "fake").await
    }

    pub async fn ready_cart_of(&self, lines: &[(Uuid, i64)], provider: &str) -> String {
        let path = self.addressed_cart(lines).await;
        let paid = self.post(&format!("{path}/payment-sessions"), json!({ "provider": provider })).await.data(200);
        assert_eq!(paid["blockers"], json!([]));
        path
    }

    /// The path of a cart that lacks only its payment.
    pub async fn addressed_cart(&self, lines: &[(Uuid, i64)]) -> String {
        let lines: Vec<Value> = lines.iter().map(|(id, n)| json!({ "variant_id": id, "quantity": n })).collect();
        let cart = json!({
            "email": "ada@example.com", "shipping_address": address("DE"), "line_items": lines,
        });
        let cart = self.post("/api/v1/carts", cart).await.data(201);
        let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
        self.put(&format!("{path}/shipping-option"), json!({ "option": "standard" })).await.data(200);
        path
    }

    pub async fn complete(&self, cart: &str) -> Answer {
        self.send(Method::POST, &format!("{cart}/complete"), &[], None).await
    }

    /// A placed order.
    pub async fn order(&self, variant: Uuid, quantity: i64) -> Value {
        let cart = self.ready_cart(variant, quantity).await;
        self.complete(&cart).await.data(201)
    }

    /// Captures an order's payment, as staff.
    pub async fn capture(&self, order: &Value) -> Answer {
        let payment = order["payments"][0]["id"].as_str().unwrap();
        self.send(Method::POST, &format!("{}/payments/{payment}/capture", admin(order)), &[], None).await
    }
}

/// Where staff finds an order.
pub fn admin(order: &Value) -> String {
    format!("/api/v1/admin/orders/{}", order["id"].as_str().unwrap())
}
