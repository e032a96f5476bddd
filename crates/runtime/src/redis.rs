//! The way to Redis: one connection for all commands, an answer within a bound or none at all.
//!
//! Nothing of a shop depends on Redis: whoever asks gets `None` when it can't be used now, and goes on without. After
//! [`FAILURES`] failures in a row nobody asks for [`REST`]; then one caller tries again, on a new connection, for all.
//! So a dead or frozen Redis costs one caller in half a second the time-out, and nobody else anything.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::Stream;
use futures_util::StreamExt as _;
use kernel::Secret;
use metrics::{Counter, Gauge, counter, gauge};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult, TlsCertificates};
use serde::{Deserialize, Serialize};

/// Failures in a row after which Redis is left alone.
const FAILURES: u32 = 3;
/// How long it is left alone.
const REST: Duration = Duration::from_millis(500);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);

/// How to reach Redis.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://login:password@host:port/database`, `rediss://` for TLS. Empty: counts and caches are this process's own.
    pub url: Secret,
    /// Who signs the server's certificate, a PEM file; without it, the authorities that the system knows.
    pub authority: Option<PathBuf>,
    /// Begins every key and channel: shops that share a Redis need different ones.
    pub prefix: String,
    /// How long a request waits for Redis before it goes on without.
    pub timeout_ms: u64,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { url: Secret::default(), authority: None, prefix: "tradepost".to_owned(), timeout_ms: 50 }
    }
}

/// Redis can't be used with these settings, or does not answer. Never shows the address: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not an address of Redis.
    #[error("redis.url is not an address such as redis://login:password@host:6379/0: {0}")]
    Address(String),
    /// The file of the authority cannot be read.
    #[error("redis.authority cannot be read: {0}")]
    Authority(std::io::Error),
    /// The authority would be asked for nothing.
    #[error("redis.authority is set, but redis.url is not rediss://")]
    NotTls,
    /// It does not answer.
    #[error("Redis does not answer")]
    Silent,
}

/// Redis. Clones share the connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    prefix: String,
    timeout: Duration,
    connection: ArcSwap<ConnectionManager>,
    circuit: Circuit,
    skipped: Counter,
}

impl Redis {
    /// Redis as configured; none without an address. Connects when it is first used. Needs a runtime.
    pub fn new(config: &RedisConfig) -> Result<Option<Self>, Unusable> {
        if config.url.expose().is_empty() {
            return Ok(None);
        }
        let unusable = |error: RedisError| Unusable::Address(error.category().to_owned());
        // Only the first to choose is heard: there is one provider for all of TLS in this process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = match &config.authority {
            None => Client::open(config.url.expose()),
            Some(_) if !config.url.expose().starts_with("rediss://") => return Err(Unusable::NotTls),
            Some(file) => {
                let root_cert = Some(std::fs::read(file).map_err(Unusable::Authority)?);
                Client::build_with_tls(config.url.expose(), TlsCertificates { client_tls: None, root_cert })
            }
        };
        let client = client.map_err(unusable)?;
        let connection = connect(&client).map_err(unusable)?;
        Ok(Some(Self(Arc::new(Inner {
            client,
            prefix: config.prefix.clone(),
            timeout: Duration::from_millis(config.timeout_ms),
            connection: ArcSwap::from_pointee(connection),
            circuit: Circuit::new(),
            skipped: counter!("redis_skipped_total"),
        }))))
    }

    /// The full name of a key or channel.
    pub fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0.prefix)
    }

    /// Runs `work`; none when Redis can't be used now. `what` names the use in metrics and log.
    pub async fn run<T, F>(&self, what: &'static str, work: impl FnOnce(ConnectionManager) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let inner = &*self.0;
        if !inner.circuit.lets_pass() {
            inner.skipped.increment(1);
            return None;
        }
        let connection = ConnectionManager::clone(&inner.connection.load());
        let reason = match tokio::time::timeout(inner.timeout, work(connection)).await {
            Ok(Ok(value)) => {
                inner.circuit.succeeded();
                return Some(value);
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => format!("no answer within {:?}", inner.timeout),
        };
        counter!("redis_failures_total", "use" => what).increment(1);
        if inner.circuit.failed(what, &reason)
            && let Ok(connection) = connect(&inner.client)
        {
            // One that did not answer is not trusted again: it may be cut off without knowing it.
            inner.connection.store(Arc::new(connection));
        }
        None
    }

    /// Whether Redis answers, for `/ready`.
    pub async fn ping(&self) -> Result<(), Unusable> {
        let pong =
            self.run("ping", async |mut connection| redis::cmd("PING").query_async::<String>(&mut connection).await);
        pong.await.map(drop).ok_or(Unusable::Silent)
    }

    /// A text, if it is there; none when Redis can't be used.
    pub async fn get(&self, what: &'static str, key: &str) -> Option<Option<String>> {
        self.run(what, async |mut connection| redis::cmd("GET").arg(key).query_async(&mut connection).await).await
    }

    /// Keeps a text for some seconds; none when Redis can't be used.
    pub async fn set_for(&self, what: &'static str, key: &str, text: &str, seconds: u64) -> Option<()> {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(text).arg("EX").arg(seconds);
        self.run(what, async |mut connection| command.query_async(&mut connection).await).await
    }

    /// Whether Redis is asked at the moment, or left alone because it did not answer.
    pub fn is_usable(&self) -> bool {
        self.0.circuit.is_usable.load(Ordering::Acquire)
    }

    /// Messages of some channels, on a connection of their own, until that breaks; an error if there is none.
    pub async fn subscribe(&self, channels: &[&str]) -> Result<impl Stream<Item = Vec<u8>> + Send + use<>, Unusable> {
        let subscribing = async {
            let mut messages = self.0.client.get_async_pubsub().await?;
            messages.subscribe(channels).await?;
            Ok::<_, RedisError>(messages.into_on_message().map(|message| message.get_payload_bytes().to_vec()))
        };
        tokio::time::timeout(CONNECT, subscribing).await.ok().and_then(Result::ok).ok_or(Unusable::Silent)
    }
}

/// A connection that comes about when it is first used. The circuit says when to try again.
fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        // The caller's own time-out is shorter. This one frees what a caller left behind.
        .set_response_timeout(Some(CONNECT))
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Whether Redis is asked at all.
struct Circuit {
    began: Instant,
    failures: AtomicU32,
    /// Until when nobody asks, in milliseconds since `began`; 0: everybody may.
    rests_until: AtomicU64,
    is_usable: AtomicBool,
    usable: Gauge,
}

impl Circuit {
    fn new() -> Self {
        let usable = gauge!("redis_usable");
        usable.set(1.0);
        Self {
            began: Instant::now(),
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            is_usable: AtomicBool::new(true),
            usable,
        }
    }

    fn now(&self) -> u64 {
        // A process does not run for half a billion years.
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn rest_from(now: u64) -> u64 {
        now + u64::try_from(REST.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the caller may ask. At the end of a rest the first one may, and the others rest on.
    fn lets_pass(&self) -> bool {
        let until = self.rests_until.load(Ordering::Acquire);
        let now = self.now();
        until == 0
            || now >= until
                && self
                    .rests_until
                    .compare_exchange(until, Self::rest_from(now), Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
    }

    fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.rests_until.store(0, Ordering::Release);
        if !self.is_usable.swap(true, Ordering::AcqRel) {
            self.usable.set(1.0);
            tracing::info!("Redis answers again");
        }
    }

    /// Counts a failure; whether Redis is to rest now.
    fn failed(&self, what: &'static str, reason: &str) -> bool {
        if self.failures.fetch_add(1, Ordering::AcqRel) + 1 < FAILURES {
            return false;
        }
        self.rests_until.store(Self::rest_from(self.now()), Ordering::Release);
        if self.is_usable.swap(false, Ordering::AcqRel) {
            self.usable.set(0.0);
            tracing::warn!(what, reason, "Redis can't be used; going on without");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use test_kit::{Authority, PrivateRedis};

    use super::*;

    fn config(url: &str) -> RedisConfig {
        RedisConfig { url: Secret::from(url), ..RedisConfig::default() }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_without_being_shown() {
        assert!(Redis::new(&config("")).unwrap().is_none());
        let Err(error) = Redis::new(&config("redis//hunter2")) else { panic!("took an address that is none") };
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn over_tls_only_a_server_with_a_certificate_of_the_authority_is_spoken_to() {
        let (ours, stranger) = (Authority::new(), Authority::new());
        let trusting = |server: &PrivateRedis, authority| {
            let config = RedisConfig { authority, timeout_ms: 10_000, ..config(&server.url()) };
            Redis::new(&config).unwrap().unwrap()
        };
        let certificate = ours.issue("redis");
        let server = PrivateRedis::start_with_tls(&certificate);
        let redis = trusting(&server, Some(certificate.authority.clone()));
        redis.ping().await.unwrap();
        let mut messages = redis.subscribe(&["told"]).await.unwrap();
        let telling = redis.run("publish", async |mut connection| {
            redis::cmd("PUBLISH").arg("told").arg("news").query_async::<i64>(&mut connection).await
        });
        assert_eq!(telling.await, Some(1));
        assert_eq!(messages.next().await.as_deref(), Some(&b"news"[..]));

        let expired = ours.issue_expired("expired");
        let late = PrivateRedis::start_with_tls(&expired);
        for refused in [
            trusting(&server, Some(stranger.issue("stranger").authority)),
            trusting(&server, None),
            trusting(&late, Some(expired.authority.clone())),
        ] {
            assert!(refused.ping().await.is_err() && refused.subscribe(&["told"]).await.is_err());
            let reason = refused.0.client.get_multiplexed_async_connection().await.unwrap_err().to_string();
            assert!(reason.contains("certificate"), "{reason}");
        }
    }

    #[test]
    fn an_authority_that_cannot_be_meant_is_named() {
        let file = Authority::new().issue("redis").authority;
        let refusal = |url: &str, file: &std::path::Path| {
            let config = RedisConfig { authority: Some(file.to_owned()), ..config(url) };
            Redis::new(&config).err().unwrap().to_string()
        };
        assert_eq!(refusal("redis://127.0.0.1", &file), "redis.authority is set, but redis.url is not rediss://");
        let missing = refusal("rediss://127.0.0.1", std::path::Path::new("/no/such/file"));
        assert!(missing.starts_with("redis.authority cannot be read"), "{missing}");
    }

    #[tokio::test]
    async fn a_frozen_redis_is_asked_by_one_caller_and_not_by_the_others() {
        let server = PrivateRedis::start();
        let redis = Redis::new(&config(&server.url())).unwrap().unwrap();
        while redis.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.freeze();
        while redis.0.circuit.is_usable.load(Ordering::SeqCst) {
            assert!(redis.ping().await.is_err());
        }
        let circuit = &redis.0.circuit;
        circuit.rests_until.store(circuit.now().max(1), Ordering::SeqCst);
        let passed = (0..1000).filter(|_| circuit.lets_pass()).count();
        assert_eq!(passed, 1, "one tries again, for all");
        server.thaw();
        while redis.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!((0..1000).all(|_| circuit.lets_pass()));
    }
}
