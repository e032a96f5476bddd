//! One attempt: a signed request, within bounds of time and size.

use std::error::Error as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use crypto::{WebhookSecret, webhook_signature};
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use uuid::Uuid;

use super::resolver::{AddressNotAllowed, GuardedResolver, Lookup};
use crate::config::Rules;
use crate::domain::schedule;
use crate::domain::url::UrlRules;

/// Bytes of an answer that are read and kept.
const KEPT: usize = 1_024;
/// Time that an answer's body has, after its head said how it went.
const BODY_PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection stays open for the next message.
const IDLE: Duration = Duration::from_secs(30);

/// What is sent.
pub struct Message<'a> {
    /// The delivery's id.
    pub id: Uuid,
    /// Where to.
    pub url: &'a str,
    /// The body.
    pub body: &'a str,
    /// The secrets that are good now.
    pub secrets: &'a [WebhookSecret],
    /// Now.
    pub at: DateTime<Utc>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// With this status.
        status: u16,
        /// How its answer begins.
        answer: String,
        /// When it wants to be tried again.
        retry_after: Option<TimeDelta>,
    },
    /// There was no answer, as a code.
    Unanswered(String),
}

impl Outcome {
    /// Whether the receiver took the message.
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Answered { status: 200..=299, .. })
    }
}

/// Sends messages. Follows no redirect, uses no proxy, and calls no address that may not be called.
pub struct Sender {
    client: Client,
    urls: UrlRules,
}

impl Sender {
    /// A client with the configured bounds.
    pub(crate) fn new(rules: &Rules, lookup: Lookup) -> Result<Self, reqwest::Error> {
        // It is there already, unless this is the first client of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let resolver = GuardedResolver { lookup, allowed: rules.urls.addresses.clone() };
        let client = Client::builder()
            .dns_resolver(resolver)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(rules.connect_timeout)
            .timeout(rules.timeout)
            .pool_max_idle_per_host(rules.endpoint_concurrency)
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(Self { client, urls: rules.urls.clone() })
    }

    /// Sends a message once.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        // The rules may have changed since the endpoint was made, and an address in figures is not looked up.
        let url = match self.urls.check("url", message.url) {
            Ok(url) => url,
            Err(error) => return Outcome::Unanswered(error.code.into_owned()),
        };
        let (id, timestamp) = (message.id.to_string(), message.at.timestamp());
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("Tradepost/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", webhook_signature(message.secrets, &id, timestamp, message.body.as_bytes()))
            .body(message.body.to_owned());
        match request.send().await {
            Ok(response) => answered(response, message.at).await,
            Err(error) => Outcome::Unanswered(code(&error).to_owned()),
        }
    }
}

async fn answered(mut response: Response, now: DateTime<Utc>) -> Outcome {
    let status = response.status().as_u16();
    let wish = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = wish.and_then(|text| schedule::retry_after(text, now));
    let mut kept = Vec::new();
    // How it went is known: a body that is slow, endless or broken changes nothing.
    let reading = async {
        while kept.len() < KEPT
            && let Ok(Some(piece)) = response.chunk().await
        {
            kept.extend_from_slice(&piece[..piece.len().min(KEPT - kept.len())]);
        }
    };
    let _ = tokio::time::timeout(BODY_PATIENCE, reading).await;
    Outcome::Answered { status, answer: readable(&kept), retry_after }
}

/// The bytes as text that can be stored and shown.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

fn code(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<AddressNotAllowed>() {
            return "ADDRESS_NOT_ALLOWED";
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        "TIMED_OUT"
    } else if error.is_connect() {
        "CONNECTION_FAILED"
    } else {
        "CONNECTION_BROKEN"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_as_text_that_can_be_stored() {
        assert_eq!(readable(b"all\0good\r\n\x1b[31m\xff\tend"), "all good \n [31m\u{fffd}\tend");
        assert_eq!(readable("ünï".as_bytes()), "ünï");
    }
}
