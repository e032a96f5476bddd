//! The internal listener over real sockets: roles of the shop get in, nobody else does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Extension;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Json, Router};
use chrono::TimeDelta;
use crypto::{InternalSigner, random_bytes};
use kernel::{Clock, Secret};
use reqwest::{Client, RequestBuilder, StatusCode};
use runtime::http::{entry, serve};
use runtime::internal::{self, Caller, InternalConfig, Peers, TlsFiles};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use test_kit::{Authority, Certificate};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

/// A role behind its internal listener, until it is dropped.
struct Role {
    address: String,
    config: InternalConfig,
    clock: Clock,
    stop: CancellationToken,
}

impl Role {
    async fn start(tls: Option<TlsFiles>) -> Self {
        let config = InternalConfig { secret: secret(), tls, ..InternalConfig::default() };
        let clock = Clock::system();
        let peers = Peers::new(config.verifier(clock.clone()).unwrap());
        let router = Router::new()
            .route("/health", get(|| async { "alive" }))
            .route("/who", get(tell))
            .layer(from_fn_with_state(peers, internal::entry::enter));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let stop = CancellationToken::new();
        let server = config.tls.as_ref().map(|files| files.server().unwrap());
        tokio::spawn(serve::serve_peers(listener, server, router, stop.clone(), Duration::from_secs(1)));
        Self { address, config, clock, stop }
    }

    fn signer(&self) -> InternalSigner {
        self.config.signer("orders", self.clock.clone()).unwrap()
    }

    fn ask(&self, client: &Client, path: &str) -> RequestBuilder {
        client.get(format!("{}{path}", self.address))
    }

    /// What the role answers to somebody with this token.
    async fn answer_to(&self, token: &str) -> StatusCode {
        self.ask(&plain(), "/who").header(internal::TOKEN, token).send().await.unwrap().status()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the handler knows of the call.
async fn tell(Extension(caller): Extension<Caller>, headers: http::HeaderMap) -> Json<Value> {
    let meta = entry::current();
    let left = meta.deadline.map(|deadline| deadline.saturating_duration_since(meta.arrived).as_millis());
    Json(json!({
        "caller": &*caller.0, "request_id": &*meta.id, "left_ms": left, "token": headers.contains_key(internal::TOKEN)
    }))
}

fn secret() -> Secret {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(random_bytes::<32>()).into()
}

fn plain() -> Client {
    // The first test installs it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().http2_prior_knowledge().build().unwrap()
}

fn with_tls(files: &TlsFiles) -> Client {
    Client::builder().tls_backend_preconfigured((*files.client().unwrap()).clone()).build().unwrap()
}

fn files(Certificate { certificate, key, authority }: Certificate) -> TlsFiles {
    TlsFiles { certificate, key, authority, mutual: true }
}

/// Of a client that has none to show.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_role_passes_on_its_name_the_request_s_id_and_the_time_that_is_left() {
    let role = Role::start(None).await;
    let request = role.ask(&plain(), "/who").header(internal::TOKEN, &*role.signer().token());
    let request = request.header("x-request-id", "the-request").header(internal::DEADLINE, "1500");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let expected = json!({"caller": "orders", "request_id": "the-request", "left_ms": 1500, "token": false});
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn anyone_may_ask_whether_the_process_lives() {
    let role = Role::start(None).await;
    let answer = role.ask(&plain(), "/health").header("x-request-id", "made-up").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_ne!(answer.headers()["x-request-id"], "made-up");
}

#[tokio::test]
async fn a_call_without_a_good_token_is_refused() {
    let role = Role::start(None).await;
    for path in ["/who", "/nothing-here", "/health/../who", "/tradepost.products.v1.ProductsService/Reserve"] {
        let answer = role.ask(&plain(), path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["code"], "INTERNAL_TOKEN_INVALID");
        assert!(!body["request_id"].as_str().unwrap().is_empty(), "{body}");
    }
    let stranger = InternalSigner::new(&secret(), "orders", role.clock.clone()).unwrap();
    assert_eq!(role.answer_to(&stranger.token()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(role.answer_to("").await, StatusCode::UNAUTHORIZED);

    let captured = role.signer().token();
    assert_eq!(role.answer_to(&captured).await, StatusCode::OK);
    role.clock.advance(TimeDelta::seconds(66));
    assert_eq!(role.answer_to(&captured).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn with_mutual_tls_only_a_good_certificate_and_a_good_token_together_get_in() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let role = Role::start(Some(files(authority.issue("products")))).await;
    let ours = files(authority.issue("orders"));
    let good = role.ask(&with_tls(&ours), "/who").header(internal::TOKEN, &*role.signer().token());
    assert_eq!(good.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(role.ask(&with_tls(&ours), "/who").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    // The token is good in what follows, the certificate is not.
    let forged = TlsFiles { authority: ours.authority.clone(), ..files(stranger.issue("orders")) };
    let expired = files(authority.issue_expired("orders"));
    let mut none = (*ours.client().unwrap()).clone();
    none.client_auth_cert_resolver = Arc::new(NoCertificate);
    let without = Client::builder().tls_backend_preconfigured(none).build().unwrap();
    for (client, what) in [(with_tls(&forged), "forged"), (with_tls(&expired), "expired"), (without, "none")] {
        let call = role.ask(&client, "/who").header(internal::TOKEN, &*role.signer().token());
        assert!(call.send().await.is_err(), "{what}");
    }
    let unencrypted = role.address.replace("https://", "http://");
    assert!(plain().get(format!("{unencrypted}/health")).send().await.is_err());
}

#[tokio::test]
async fn a_caller_talks_to_no_role_with_a_certificate_of_another_authority_or_an_expired_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let client = with_tls(&files(authority.issue("orders")));
    for certificate in [stranger.issue("products"), authority.issue_expired("products")] {
        let role = Role::start(Some(TlsFiles { mutual: false, ..files(certificate) })).await;
        assert!(role.ask(&client, "/health").send().await.is_err());
    }
    let role = Role::start(Some(TlsFiles { mutual: false, ..files(authority.issue("products")) })).await;
    assert_eq!(role.ask(&client, "/health").send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let good = files(authority.issue("products"));
    let missing = TlsFiles { certificate: "/nowhere/role.pem".into(), ..good.clone() };
    assert!(missing.server().unwrap_err().to_string().starts_with("/nowhere/role.pem: "));
    let swapped = TlsFiles { certificate: good.key.clone(), ..good.clone() };
    assert!(swapped.client().unwrap_err().to_string().contains("products.key: "));
    let of_another = TlsFiles { key: authority.issue("other").key, ..good };
    assert!(of_another.server().is_err());
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_secret_nor_token_comes_into_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // For the other tests' threads too: what is logged where doesn't depend on who came first.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let role = Role::start(None).await;
    let (good, forged) = (role.signer().token(), "eyJhbGciOiJIUzI1NiJ9.forged.token");
    assert_eq!(role.answer_to(&good).await, StatusCode::OK);
    assert_eq!(role.answer_to(forged).await, StatusCode::UNAUTHORIZED);
    tracing::info!(config = ?role.config, "settings");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("was refused"), "{log}");
    for secret in [&*good, forged, role.config.secret.expose()] {
        assert!(!log.contains(secret), "{log}");
    }
}
