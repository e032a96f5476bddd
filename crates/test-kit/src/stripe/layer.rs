//! Between the shop and localstripe: answers kept by key, faults, and what localstripe leaves out.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fault::{Fault, Faults};
use super::hooks::{Hooks, Sent};
use super::{SECRET_KEY, WEBHOOK_SECRET};

/// Where localstripe sends its webhooks: here.
const HOOK: &str = "/_webhooks";
/// How long a call without an answer is held: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(20);
/// Said of an answer that was kept.
const REPLAYED: &str = "idempotent-replayed";

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn is_good(&self) -> bool {
        self.status < 300
    }

    fn problem(status: u16, kind: &str, code: &str) -> Self {
        let body = json!({ "error": { "type": kind, "code": code, "message": code } });
        Self { status, body: Bytes::from(body.to_string()) }
    }
}

/// What is kept under a key: the request that it came with, and the answer once there is one.
struct Kept {
    request: Bytes,
    answer: Option<Answer>,
}

pub(super) struct Layer {
    http: reqwest::Client,
    upstream: SocketAddr,
    pub faults: Faults,
    pub hooks: Hooks,
    kept: Mutex<HashMap<String, Kept>>,
    /// Changes go one at a time, so that a check and what it allows are one.
    changing: tokio::sync::Mutex<()>,
}

impl Layer {
    pub fn new(upstream: SocketAddr, seed: u64) -> Self {
        Self {
            http: reqwest::Client::new(),
            upstream,
            faults: Faults::new(seed),
            hooks: Hooks::new(seed),
            kept: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Has localstripe send its webhooks here.
    pub async fn listen_to_webhooks(&self, address: SocketAddr) {
        let form = format!("url=http://{address}{HOOK}&secret={WEBHOOK_SECRET}");
        let set = self.forward(&Method::POST, "/_config/webhooks/layer", Bytes::from(form)).await;
        assert!(set.is_good(), "localstripe takes a webhook endpoint: {set:?}");
    }

    /// Sends a call on as it is.
    pub async fn forward(&self, method: &Method, path: &str, body: Bytes) -> Answer {
        let request = self.http.request(method.clone(), format!("http://{}{path}", self.upstream));
        let request = request.bearer_auth(SECRET_KEY).header("content-type", "application/x-www-form-urlencoded");
        let Ok(response) = request.body(body).send().await else { return Answer::problem(502, "api_error", "gone") };
        let status = response.status().as_u16();
        Answer { status, body: response.bytes().await.unwrap_or_default() }
    }

    /// Does a call, checks what localstripe doesn't, and tells of what came of it.
    pub async fn act(&self, method: &Method, path: &str, body: Bytes) -> Answer {
        let _alone = match *method {
            Method::POST => Some(self.changing.lock().await),
            _ => None,
        };
        if path == "/v1/refunds"
            && let Some(refused) = self.refuse_refund(&body).await
        {
            return refused;
        }
        let answer = self.forward(method, path, body).await;
        if answer.is_good() && *method == Method::POST {
            self.tell_of(path, &answer.json()).await;
        }
        answer
    }

    /// Stripe refunds no more than was charged; localstripe does.
    async fn refuse_refund(&self, body: &[u8]) -> Option<Answer> {
        let fields: HashMap<String, String> = serde_urlencoded::from_bytes(body).ok()?;
        let wanted: i64 = fields.get("amount")?.parse().ok()?;
        let path = format!("/v1/payment_intents/{}", fields.get("payment_intent")?);
        let intent = self.forward(&Method::GET, &path, Bytes::new()).await;
        let charge = intent.json()["latest_charge"].clone();
        let left = charge["amount"].as_i64()? - charge["amount_refunded"].as_i64()?;
        let refused = wanted > left || charge["captured"] != true;
        refused.then(|| Answer::problem(400, "invalid_request_error", "charge_already_refunded"))
    }

    /// The webhooks that localstripe leaves out.
    async fn tell_of(&self, path: &str, object: &Value) {
        if path.ends_with("/cancel") {
            self.hooks.tell("payment_intent.canceled", object);
        } else if path == "/v1/refunds" {
            let charge = object["charge"].as_str().unwrap_or_default();
            let charge = self.forward(&Method::GET, &format!("/v1/charges/{charge}"), Bytes::new()).await;
            self.hooks.tell("charge.refunded", &charge.json());
        } else if object["object"] == "payment_intent"
            && object["status"] == "requires_capture"
            && (path.ends_with("/confirm") || path.ends_with("/_authenticate"))
        {
            self.hooks.tell("payment_intent.amount_capturable_updated", object);
        }
    }

    /// A call of the shop's, with what goes wrong with it. An error cuts the connection.
    async fn call(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if path == HOOK {
            self.hooks.pass_on(&Sent { body, signature: header("stripe-signature").unwrap_or_default() });
            return Ok(response(&Answer { status: 200, body: Bytes::new() }, false));
        }
        let fault = self.faults.of(&path);
        match fault {
            Some(Fault::Conflict) => {
                return Ok(response(&Answer::problem(409, "invalid_request_error", "lock_timeout"), false));
            }
            Some(Fault::TooMany) => {
                return Ok(response(&Answer::problem(429, "invalid_request_error", "rate_limit"), false));
            }
            Some(Fault::ErrorBefore) => return Ok(response(&Answer::problem(500, "api_error", "before"), false)),
            Some(Fault::SilentBefore) => {
                tokio::time::sleep(SILENCE).await;
                return Err(io::Error::other("no answer"));
            }
            Some(Fault::CutBefore) => return Err(io::Error::other("cut")),
            _ => {}
        }
        let key = header("idempotency-key").filter(|_| parts.method == Method::POST);
        // A client that stops waiting does not stop what it asked for.
        let layer = Arc::clone(self);
        let acting = tokio::spawn(async move {
            match key {
                None => (layer.act(&parts.method, &path, body).await, false),
                Some(key) => layer.once(&key, &path, body, fault == Some(Fault::ErrorAfter)).await,
            }
        });
        let (answer, replayed) = acting.await.map_err(io::Error::other)?;
        match fault {
            Some(Fault::ErrorAfter) => Ok(response(&Answer::problem(500, "api_error", "after"), false)),
            Some(Fault::SilentAfter) => {
                tokio::time::sleep(SILENCE).await;
                Err(io::Error::other("no answer"))
            }
            Some(Fault::CutAfter) => Err(io::Error::other("cut")),
            _ => Ok(response(&answer, replayed)),
        }
    }

    /// Acts once for a key, as Stripe promises it: the first answer is kept, with errors of Stripe's own; another request
    /// under the key is an error, and one that comes while the first is under way a conflict.
    async fn once(&self, key: &str, path: &str, body: Bytes, keep_error: bool) -> (Answer, bool) {
        let request = Bytes::from([path.as_bytes(), b" ", &body].concat());
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.get(key) {
                Some(first) if first.request != request => {
                    return (Answer::problem(400, "idempotency_error", "idempotency_error"), false);
                }
                Some(Kept { answer: None, .. }) => {
                    return (Answer::problem(409, "idempotency_error", "idempotency_key_in_use"), false);
                }
                Some(Kept { answer: Some(answer), .. }) => return (answer.clone(), true),
                None => drop(kept.insert(key.to_owned(), Kept { request, answer: None })),
            }
        }
        let answer = self.act(&Method::POST, path, body).await;
        let remembered = if keep_error { Answer::problem(500, "api_error", "after") } else { answer.clone() };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = kept.get_mut(key) {
            first.answer = Some(remembered);
        }
        (answer, false)
    }
}

fn response(answer: &Answer, replayed: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    if answer.status == 429 {
        response.headers_mut().insert("retry-after", http::HeaderValue::from_static("0"));
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, http::HeaderValue::from_static("true"));
    }
    response
}

/// Serves the layer on a free port.
pub(super) async fn serve(layer: Arc<Layer>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let serving = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let layer = Arc::clone(&layer);
            connections.spawn(async move {
                let call = service_fn(move |request| {
                    let layer = Arc::clone(&layer);
                    async move { layer.call(request).await }
                });
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), call).await);
                Ok::<(), Infallible>(())
            });
            while connections.try_join_next().is_some() {}
        }
    });
    (address, serving)
}
