//! The role over a database of its own, and requests to it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use contracts::products::{Products as _, ReserveStock, Reserved, StockLine};
use crypto::{Claims, Keyring, KeyringConfig, TokenConfig, TokenSigner, TokenVerifier};
use http::{Request, header};
use http_body_util::BodyExt;
use kernel::{Clock, Context, Failure, Scope};
use pg::Db;
use products::{Config, Products};
use runtime::redis::Redis;
use serde_json::{Value, json};
use test_kit::TestDb;
use tower::ServiceExt;
use uuid::Uuid;

/// The role, as a test sees it.
pub struct Shop {
    test_db: Option<TestDb>,
    pub products: Arc<Products>,
    pub clock: Clock,
    pub router: Router,
    signer: TokenSigner,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        let test_db = TestDb::new(&products::SCHEMA).await;
        let db = test_db.db().clone();
        Self { test_db: Some(test_db), ..Self::over(db, &config) }
    }

    /// The role over this database.
    pub fn over(db: Db, config: &Config) -> Self {
        Self::instance(db, config, None)
    }

    /// An instance of the role over this database, with this Redis.
    pub fn instance(db: Db, config: &Config, redis: Option<Redis>) -> Self {
        let keyring = Keyring::new(&KeyringConfig::generate()).unwrap();
        let clock = Clock::system();
        let products = Arc::new(Products::new(db, keyring, clock.clone(), config, redis));
        let tokens = TokenConfig {
            issuer: "https://shop.test".into(),
            audience: "shop".into(),
            signing_key: TokenSigner::generate_pem(),
            previous_public_keys: Vec::new(),
        };
        let signer = TokenSigner::new(&tokens, clock.clone()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), &tokens.issuer, &tokens.audience, clock.clone()).unwrap();
        let router = products::routes()
            .build(Arc::clone(&products), &verifier)
            .router
            .layer(axum::middleware::from_fn(runtime::http::entry::enter));
        Self { test_db: None, products, clock, router, signer }
    }

    pub fn test_db(&self) -> &TestDb {
        self.test_db.as_ref().unwrap()
    }

    pub fn token(&self, scopes: &[Scope]) -> String {
        self.signer.issue(&Claims {
            user_id: Uuid::now_v7(),
            session: Uuid::now_v7(),
            client_id: "test".into(),
            scopes: scopes.iter().copied().collect(),
        })
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Asks as an anonymous customer; there must be no errors.
    pub async fn ask(&self, query: &str) -> Value {
        good(self.post(&json!({ "query": query }), None).await)
    }

    pub async fn ask_with(&self, query: &str, variables: Value) -> Value {
        good(self.post(&json!({ "query": query, "variables": variables }), None).await)
    }

    /// Asks as staff who may do everything; there must be no errors.
    pub async fn staff(&self, query: &str, variables: Value) -> Value {
        let token = self.token(&[Scope::ReadProducts, Scope::WriteProducts]);
        good(self.post(&json!({ "query": query, "variables": variables }), Some(&token)).await)
    }

    pub async fn post(&self, body: &Value, token: Option<&str>) -> Answer {
        let request = Request::post("/api/v1/graphql").header(header::CONTENT_TYPE, "application/json");
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Makes a product with one variant and gives both ids.
    pub async fn product(&self, slug: &str, amount: i64, on_hand: i64) -> (Uuid, Uuid) {
        self.product_in(None, slug, amount, on_hand).await
    }

    pub async fn product_in(&self, category: Option<Uuid>, slug: &str, amount: i64, on_hand: i64) -> (Uuid, Uuid) {
        let input = json!({
            "slug": slug, "name": format!("Product {slug}"), "description": "Made for a test.", "categoryId": category,
            "images": [{ "url": "/media/one.jpg", "alt": "one" }],
            "variants": [{ "sku": format!("SKU-{slug}"), "name": "Default", "onHand": on_hand,
                           "prices": [{ "currency": "EUR", "amount": amount }] }],
        });
        let answer = self.staff(CREATE, json!({ "input": input })).await;
        let payload = &answer["productCreate"];
        assert_eq!(payload["userErrors"], json!([]));
        (id(&payload["product"]["id"]), id(&payload["product"]["variants"][0]["id"]))
    }

    pub async fn category(&self, name: &str, parent: Option<Uuid>) -> Uuid {
        let query = "mutation ($input: CategoryCreateInput!) {
            categoryCreate(input: $input) { category { id } userErrors { code field message } } }";
        let answer = self.staff(query, json!({ "input": { "name": name, "parentId": parent } })).await;
        assert_eq!(answer["categoryCreate"]["userErrors"], json!([]));
        id(&answer["categoryCreate"]["category"]["id"])
    }

    pub async fn set_stock(&self, variant: Uuid, on_hand: i64) -> Value {
        let query = "mutation ($input: InventoryLevelSetInput!) {
            inventoryLevelSet(input: $input) { variant { inventoryCount } userErrors { code field } } }";
        let answer = self.staff(query, json!({ "input": { "variantId": variant, "onHand": on_hand } })).await;
        answer["inventoryLevelSet"].clone()
    }

    pub async fn reserve(&self, order_id: Uuid, lines: &[(Uuid, i64)]) -> Result<Reserved, Failure> {
        let lines =
            lines.iter().map(|(variant_id, quantity)| StockLine { variant_id: *variant_id, quantity: *quantity });
        let expires_at = self.clock.now() + chrono::TimeDelta::minutes(15);
        let command = ReserveStock { order_id, lines: lines.collect(), expires_at };
        self.products.reserve(&context(), command).await
    }

    pub async fn available(&self, variant: Uuid) -> i64 {
        let quotes = self.products.quote(&context(), "EUR".parse().unwrap(), vec![variant]).await.unwrap();
        quotes[0].available
    }

    pub async fn assert_sound(&self) {
        assert_eq!(self.products.findings().await.unwrap(), Vec::<String>::new());
    }
}

pub const CREATE: &str = "mutation ($input: ProductCreateInput!) {
    productCreate(input: $input) {
        product { id slug version price { amount formatted currency } inventoryCount variants { id sku } }
        userErrors { code field message }
    }
}";

pub fn context() -> Context {
    Context::system("test", std::time::Duration::from_secs(30))
}

pub fn id(value: &Value) -> Uuid {
    value.as_str().unwrap_or_else(|| panic!("{value} is no id")).parse().unwrap()
}

fn good(mut answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    answer.body["data"].take()
}
