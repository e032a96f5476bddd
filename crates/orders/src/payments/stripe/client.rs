//! Calls of Stripe's API: forms, keys, time limits, another try where that is safe, and what its errors mean.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use kernel::{Context, ErrorKind, Failure, Secret};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::config::StripeConfig;
use super::object::{ErrorBody, Problem};
use crate::config::ConfigError;

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Tries after the first within one call.
const RETRIES: usize = 3;
/// Keys that a step may use up: Stripe keeps an answer of 500 under a key as well.
const KEYS: usize = 4;
/// Said first by whoever answers from what is kept under a key.
const REPLAYED: &str = "idempotent-replayed";

/// A form's fields.
pub type Form<'a> = [(&'a str, String)];

/// Stripe's API.
pub struct Client {
    http: reqwest::Client,
    base: String,
    secret_key: Secret,
    version: String,
    timeout: Duration,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub enum CallError {
    /// The card's bank says no, for this reason.
    Declined(String),
    /// It was not done and never will be like this.
    Refused(Problem),
    /// A failure of Stripe's own was kept under this key; whether it acted must be looked up.
    KeyUsedUp,
    /// Nobody knows whether Stripe acted.
    Unknown(Failure),
}

impl CallError {
    /// The failure where a refusal can't be: nobody knows.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Unknown(failure) => failure,
            Self::Declined(_) | Self::Refused(_) | Self::KeyUsedUp => unavailable(),
        }
    }
}

/// How one try failed.
struct Attempt {
    error: CallError,
    /// Whether another may do better, and after how long at least.
    again: Option<Duration>,
}

impl Client {
    /// A client with these settings.
    pub fn new(config: &StripeConfig) -> Result<Self, ConfigError> {
        // Redirects would carry the key to wherever they lead.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let unusable = |_| ConfigError::Stripe { setting: "api_base", why: "cannot be called: no TLS on this machine" };
        Ok(Self {
            http: http.map_err(unusable)?,
            base: config.api_base.trim_end_matches('/').to_owned(),
            secret_key: config.secret_key.clone(),
            version: config.api_version.clone(),
            timeout: config.timeout(),
        })
    }

    /// Reads.
    pub async fn get<T: DeserializeOwned>(&self, context: &Context, path: &str) -> Result<T, CallError> {
        self.call(context, || self.request(Method::GET, path)).await
    }

    /// Changes something under a key: however often it is tried, it is done once. Without a key only what may be done
    /// any number of times.
    pub async fn post<T: DeserializeOwned>(
        &self,
        context: &Context,
        path: &str,
        form: &Form<'_>,
        key: Option<&str>,
    ) -> Result<T, CallError> {
        let body = serde_urlencoded::to_string(form).map_err(|_| CallError::Unknown(Failure::internal()))?;
        let request = || {
            let request = self.request(Method::POST, path).body(body.clone());
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            }
        };
        self.call(context, request).await
    }

    /// Changes what cannot be changed twice, whatever the key: a used-up key is followed by the next.
    pub async fn post_final<T: DeserializeOwned>(
        &self,
        context: &Context,
        path: &str,
        form: &Form<'_>,
        key: &str,
    ) -> Result<T, CallError> {
        for key in keys(key) {
            match self.post(context, path, form, Some(&key)).await {
                Err(CallError::KeyUsedUp) => {}
                answer => return answer,
            }
        }
        Err(CallError::KeyUsedUp)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/v1/{path}", self.base));
        request.bearer_auth(self.secret_key.expose()).header("stripe-version", &self.version)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        context: &Context,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, CallError> {
        let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100));
        let mut pauses = pauses.with_max_delay(Duration::from_secs(2)).with_max_times(RETRIES).with_jitter().build();
        loop {
            let Attempt { error, again } = match self.attempt(context, request()).await {
                Ok(answer) => return Ok(answer),
                Err(attempt) => attempt,
            };
            let Some((at_least, pause)) = again.zip(pauses.next()) else { return Err(error) };
            let pause = pause.max(at_least);
            if context.remaining() <= pause {
                return Err(error);
            }
            metrics::counter!("stripe_retries_total").increment(1);
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, context: &Context, request: RequestBuilder) -> Result<T, Attempt> {
        let timeout = self.timeout.min(context.remaining());
        let began = Instant::now();
        let answered = request.timeout(timeout).send().await;
        let class = answered.as_ref().map_or("none", |response| status_class(response.status()));
        metrics::counter!("stripe_requests_total", "status" => class).increment(1);
        metrics::histogram!("stripe_request_seconds").record(began.elapsed().as_secs_f64());
        // The error's text has the address, which has no secret in it.
        let lost = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, "stripe did not answer");
            Attempt { error: CallError::Unknown(unavailable()), again: Some(Duration::ZERO) }
        };
        let response = answered.map_err(|error| lost(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await.map_err(|error| lost(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                tracing::error!(%error, "stripe's answer cannot be read");
                Attempt { error: CallError::Unknown(unavailable()), again: None }
            });
        }
        let problem = serde_json::from_slice::<ErrorBody>(&body).unwrap_or_default().error;
        Err(judge(status, &headers, problem))
    }
}

/// The keys of a step, the first one first. Every process goes through the same.
pub fn keys(key: &str) -> impl Iterator<Item = String> + use<> {
    let key = key.to_owned();
    (0..KEYS).map(move |n| if n == 0 { key.clone() } else { format!("{key}-{n}") })
}

/// 503 `PAYMENT_PROVIDER_UNAVAILABLE`.
pub fn unavailable() -> Failure {
    let message = "The payment provider cannot answer at the moment; try again";
    Failure::new(ErrorKind::Unavailable, "PAYMENT_PROVIDER_UNAVAILABLE", message).retry_after(1)
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err("the answer is too large".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an answer other than success means.
fn judge(status: StatusCode, headers: &HeaderMap, problem: Problem) -> Attempt {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let later = || {
        let failure = wait.map_or_else(unavailable, |wait| unavailable().retry_after(wait.as_secs().max(1)));
        let again = (text("stripe-should-retry") != Some("false")).then(|| wait.unwrap_or_default());
        Attempt { error: CallError::Unknown(failure), again }
    };
    let finally = |error| Attempt { error, again: None };
    if !matches!(status, StatusCode::PAYMENT_REQUIRED | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) {
        tracing::warn!(%status, problem = problem.name(), "stripe did not do what was asked");
    }
    match (status, problem.kind.as_deref()) {
        (_, Some("card_error")) | (StatusCode::PAYMENT_REQUIRED, _) => finally(CallError::Declined(problem.name())),
        // One key for two requests, which ours never are.
        (_, Some("idempotency_error")) if status == StatusCode::BAD_REQUEST => {
            tracing::error!(message = problem.message, "stripe knows this key from another request");
            finally(CallError::Refused(problem))
        }
        // Another request holds the payment or the key.
        (StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS, _) => later(),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            tracing::error!(%status, "stripe does not accept the key in orders.stripe.secret_key");
            finally(CallError::Unknown(unavailable()))
        }
        (status, _) if status.is_server_error() && text(REPLAYED) == Some("true") => finally(CallError::KeyUsedUp),
        (status, _) if status.is_server_error() => later(),
        _ => finally(CallError::Refused(problem)),
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}
