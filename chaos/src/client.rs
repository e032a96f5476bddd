//! A client of the shop as a good storefront writes it: each unsafe request has its `Idempotency-Key`, and what is not
//! answered is asked again with the same one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::tally::Tally;

/// How long a client waits for one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it keeps asking.
const TRIES_FOR: Duration = Duration::from_mins(1);
/// How long staff use a token before they sign in again: it is good for a quarter of an hour.
pub const SESSION: Duration = Duration::from_mins(10);
/// The pause before it asks again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A client: a guest until it has a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    gateways: Arc<Vec<String>>,
    tally: Arc<Tally>,
    token: Option<String>,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub enum Refused {
    /// The shop said no: the code of its first reason.
    Answer(String),
    /// It never answered: nobody knows what became of it.
    Silence,
}

impl Client {
    /// A guest of the shop behind these gateways.
    pub fn new(gateways: Arc<Vec<String>>, tally: Arc<Tally>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(Duration::from_secs(1)).build()?;
        Ok(Self { http, gateways, tally, token: None })
    }

    /// The same client, signed in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<Self, Refused> {
        let body = json!({ "email": email, "password": password });
        let answer = self.call(Method::POST, "/api/v1/auth/login", Some(&body)).await?;
        Ok(Self { token: answer["data"]["access_token"].as_str().map(str::to_owned), ..self.clone() })
    }

    /// The access token, if signed in.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Value, Refused> {
        self.call(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// POST without a body.
    pub async fn order(&self, path: &str) -> Result<Value, Refused> {
        self.call(Method::POST, path, None).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.call(Method::PUT, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refused> {
        let (began, key) = (Instant::now(), Uuid::new_v4().to_string());
        let (mut tries, mut pause) = (0, PAUSES.0);
        let outcome = loop {
            tries += 1;
            match self.attempt(&method, path, body, &key).await {
                Ok(outcome) => break outcome,
                Err(kind) => self.tally.failure(kind),
            }
            if began.elapsed() > TRIES_FOR {
                break Err(Refused::Silence);
            }
            let part = rand::rng().random_range(0.5..1.0);
            tokio::time::sleep(pause.mul_f64(part)).await;
            pause = (pause * 2).min(PAUSES.1);
        };
        self.tally.call(tries, !matches!(outcome, Err(Refused::Silence)), began.elapsed());
        outcome
    }

    /// One try: an answer, or what was seen instead of one.
    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> Result<Result<Value, Refused>, String> {
        let gateway = &self.gateways[rand::rng().random_range(0..self.gateways.len())];
        let mut request = self.http.request(method.clone(), format!("{gateway}{path}"));
        if *method != Method::GET && path != "/api/v1/graphql" {
            request = request.header("idempotency-key", key);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| without_answer(&error))?;
        let status = response.status().as_u16();
        let text = response.bytes().await.map_err(|error| without_answer(&error))?;
        let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        let code = answer["details"][0]["code"].as_str().or(answer["code"].as_str()).unwrap_or("none").to_owned();
        match status {
            200..300 => Ok(Ok(answer)),
            // Somebody, perhaps an earlier try of ours, is at it.
            409 if matches!(
                code.as_str(),
                "IDEMPOTENCY_KEY_IN_USE" | "CHECKOUT_IN_PROGRESS" | "REQUEST_IN_PROGRESS"
            ) =>
            {
                Err(format!("{status} {code}"))
            }
            429 | 500.. => Err(format!("{status} {code}")),
            _ => {
                self.tally.refusal(format!("{status} {code}"));
                Ok(Err(Refused::Answer(code)))
            }
        }
    }
}

fn without_answer(error: &reqwest::Error) -> String {
    let kind = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "connection lost"
    };
    kind.to_owned()
}
