//! A client of the shop.

use std::sync::Once;
use std::time::{Duration, Instant};

use http::Method;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Variant;

/// How long an answer may be asked for, and the pause before it is asked for again.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(500);
/// Where GraphQL is asked.
const GRAPHQL: &str = "/api/v1/graphql";

/// A client: a guest until it signs in.
#[derive(Clone)]
pub struct Buyer {
    api: String,
    client: Client,
    token: Option<String>,
}

/// What the shop answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body as JSON; null when it has none.
    pub body: Value,
}

impl Answer {
    /// The `data` of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body["data"].clone()
    }

    /// Fails unless the answer is this failure.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let got = (self.status.as_u16(), self.body["code"].as_str());
        assert_eq!(got, (status, Some(code)), "{:#}", self.body);
    }
}

impl Buyer {
    /// A guest of the shop at `api`.
    pub fn new(api: &str) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
        // Less than the shop keeps an idle connection: a request must not meet its end.
        let client = Client::builder().pool_idle_timeout(Duration::from_secs(3)).build().expect("a client is made");
        Self { api: api.to_owned(), client, token: None }
    }

    /// The same client, signed in.
    pub async fn sign_in(self, email: &str, password: &str) -> Self {
        let tokens = self.post("/api/v1/auth/login", json!({ "email": email, "password": password })).await.expect(200);
        Self { token: tokens["access_token"].as_str().map(str::to_owned), ..self }
    }

    /// The same client with another access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The access token, if signed in.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request with everything said. What may be asked twice is asked again while the shop can't answer: on a busy
    /// machine a request may take longer than it may.
    pub async fn send(&self, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        let may_repeat = key.is_some() || method == Method::GET || path == GRAPHQL;
        let mut is_repeated = false;
        loop {
            let answer = self.send_once(method.clone(), path, key, body.as_ref()).await;
            // The first try may still be at work.
            let is_open = matches!(answer.status.as_u16(), 503 | 504)
                || is_repeated && answer.body["code"] == "REQUEST_IN_PROGRESS";
            if !is_open || !may_repeat || Instant::now() > deadline {
                return answer;
            }
            is_repeated = true;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn send_once(&self, method: Method, path: &str, key: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.api));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the shop answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("the answer is whole");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, headers, body }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.change(Method::POST, path, body).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.change(Method::PUT, path, body).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.change(Method::PATCH, path, body).await
    }

    /// A change with a key of its own.
    async fn change(&self, method: Method, path: &str, body: Value) -> Answer {
        let key = Uuid::new_v4().to_string();
        self.send(method, path, Some(&key), Some(body)).await
    }

    /// A GraphQL document; gives the whole body.
    pub async fn graphql(&self, query: &str) -> Value {
        self.send(Method::POST, GRAPHQL, None, Some(json!({ "query": query }))).await.body
    }

    /// A cart with `quantity` of `variant`, addressed, with shipping and payment chosen: ready to be completed.
    pub async fn ready_cart(&self, variant: &Variant, quantity: i64) -> String {
        let address = json!({
            "first_name": "Test", "last_name": "Buyer", "line1": "1 Test Street", "city": "Berlin",
            "postal_code": "10115", "country": "DE",
        });
        let cart = json!({
            "currency": "EUR",
            "email": format!("{}@guest.example", Uuid::new_v4().simple()),
            "shipping_address": address,
            "line_items": [{ "variant_id": variant.id, "quantity": quantity }],
        });
        let cart = self.post("/api/v1/carts", cart).await.expect(201);
        let id = cart["id"].as_str().expect("a cart has an id").to_owned();
        let base = format!("/api/v1/carts/{id}");
        let options = self.get(&format!("{base}/shipping-options")).await.expect(200);
        let option = options[0]["option"].clone();
        self.put(&format!("{base}/shipping-option"), json!({ "option": option })).await.expect(200);
        self.post(&format!("{base}/payment-sessions"), json!({ "provider": "manual" })).await.expect(200);
        id
    }

    /// Asks for the cart to become an order, again and again while the answer is that it is not known yet, as a client does
    /// that wants to know.
    pub async fn complete_for_sure(&self, cart: &str) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.complete(cart, None).await;
            let is_open = match answer.status.as_u16() {
                409 => answer.body["code"] == "CHECKOUT_IN_PROGRESS",
                status => matches!(status, 503 | 504),
            };
            if !is_open {
                return answer;
            }
            assert!(Instant::now() < deadline, "the checkout does not end: {:#}", answer.body);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks for the cart to become an order.
    pub async fn complete(&self, cart: &str, key: Option<&str>) -> Answer {
        self.send(Method::POST, &format!("/api/v1/carts/{cart}/complete"), key, None).await
    }
}
