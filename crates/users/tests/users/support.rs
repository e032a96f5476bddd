//! The role with its router, and a client of it.

use std::io::Write;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use crypto::{Keyring, KeyringConfig, TokenConfig, TokenSigner, TokenVerifier};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use kernel::Clock;
use runtime::http::entry;
use runtime::limits::Quota;
use runtime::revocation::Revocations;
use serde_json::{Value, json};
use test_kit::TestDb;
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;
use users::domain::email::Email;
use users::domain::password::Password;
use users::domain::user::User;
use users::ops::{AdminOutcome, CreateAdmin, Register, create_admin};
use users::{Config, Error, Users};

/// A password that is good enough everywhere.
pub const PASSWORD: &str = "correct horse battery";

/// What all tests of this binary log, at debug level.
pub static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
    subscriber.with_writer(log.clone()).init();
    log
});

/// A log in memory.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What was written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The role under test.
pub struct App {
    pub db: Arc<TestDb>,
    pub users: Arc<Users>,
    pub clock: Clock,
    pub keys: KeyringConfig,
    tokens: TokenConfig,
    pub verifier: TokenVerifier,
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
    /// The error's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }

    /// The data of an answer with this status.
    pub fn data(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        &self.body["data"]
    }
}

/// A signed-in user.
#[derive(Clone)]
pub struct Session {
    pub user_id: String,
    pub access_token: String,
    pub refresh_token: String,
}

/// A request being put together.
pub struct Call<'a> {
    app: &'a App,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl App {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        LazyLock::force(&LOG);
        let (db, keys, clock) =
            (Arc::new(TestDb::new(&users::SCHEMA).await), KeyringConfig::generate(), Clock::system());
        let tokens = TokenConfig {
            issuer: "https://shop.example".into(),
            audience: "tradepost".into(),
            signing_key: TokenSigner::generate_pem(),
            ..TokenConfig::default()
        };
        Self::over(db, keys, clock, tokens, &Config { bcrypt_cost: 4, ..config })
    }

    /// The same role in another process, which knows what the database knows.
    pub fn restarted(&self) -> Self {
        let config = Config { bcrypt_cost: 4, ..Config::default() };
        Self::over(self.db.clone(), self.keys.clone(), self.clock.clone(), self.tokens.clone(), &config)
    }

    fn over(db: Arc<TestDb>, keys: KeyringConfig, clock: Clock, tokens: TokenConfig, config: &Config) -> Self {
        let signer = TokenSigner::new(&tokens, clock.clone()).unwrap();
        let verifier = TokenVerifier::new(signer.jwks(), &tokens.issuer, &tokens.audience, clock.clone()).unwrap();
        let revocations = Revocations::new(&verifier, clock.clone(), None);
        let keyring = Keyring::new(&keys).unwrap();
        let users = Users::new(db.db().clone(), keyring, signer, clock.clone(), config, None, revocations).unwrap();
        let router = users::routes().build(Arc::clone(&users), &verifier).router;
        let router = router.layer(axum::middleware::from_fn(entry::enter));
        Self { db, users, clock, keys, tokens, verifier, router }
    }

    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call { app: self, method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub fn patch(&self, path: &str) -> Call<'_> {
        self.call(Method::PATCH, path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// Registers an account with [`PASSWORD`].
    pub async fn register(&self, email: &str) -> Answer {
        self.post("/api/v1/auth/register").json(registration(email)).send().await
    }

    /// Signs in with [`PASSWORD`].
    pub async fn login(&self, email: &str) -> Answer {
        self.post("/api/v1/auth/login").json(json!({"email": email, "password": PASSWORD})).send().await
    }

    /// Registers an account and signs in.
    pub async fn customer(&self, email: &str) -> Session {
        let user_id = self.register(email).await.data(201)["id"].as_str().unwrap().to_owned();
        self.session(user_id, email).await
    }

    /// Makes an administrator and signs in.
    pub async fn admin(&self) -> Session {
        let email = "admin@shop.example";
        let (user, _) = self.create_admin(email, PASSWORD, false).await.unwrap();
        self.session(user.id.to_string(), email).await
    }

    /// Makes or promotes an administrator, as the command line does.
    pub async fn create_admin(
        &self,
        email: &str,
        password: &str,
        promote: bool,
    ) -> Result<(User, AdminOutcome), Error> {
        let account = Register {
            email: Email::parse("email", email).unwrap(),
            password: Password::parse("password", password).unwrap(),
            first_name: "Shop".into(),
            last_name: "Keeper".into(),
            phone: None,
        };
        create_admin(&self.users, CreateAdmin { account, promote }).await
    }

    pub async fn session(&self, user_id: String, email: &str) -> Session {
        let answer = self.login(email).await;
        let tokens = answer.data(200);
        let text = |field: &str| tokens[field].as_str().unwrap().to_owned();
        Session { user_id, access_token: text("access_token"), refresh_token: text("refresh_token") }
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/v1/auth/refresh").json(json!({"refresh_token": token})).send().await
    }

    /// Kinds and versions of an account's events.
    pub async fn events(&self, user_id: &str) -> Vec<(String, i64, Value)> {
        let mut conn = self.db.db().primary().acquire().await.unwrap();
        let history = messaging::history(&mut conn, "user", user_id.parse().unwrap()).await.unwrap();
        history.into_iter().map(|event| (event.kind, event.version, event.data)).collect()
    }

    /// One number from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.owner()).await.unwrap()
    }

    /// That nothing is wrong with one account.
    pub async fn assert_nothing_found_about(&self, user_id: &str) {
        let found = users::ops::find_violations(&self.users).await.unwrap();
        assert!(found.iter().all(|violation| violation.user_id.to_string() != user_id), "{found:?}");
    }

    /// That the books are sound: every test may end with it.
    pub async fn assert_sound(&self) {
        assert_eq!(users::ops::find_violations(&self.users).await.unwrap(), []);
    }
}

/// A registration with [`PASSWORD`].
pub fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Quill", "phone": "+44 20 7946 0018"})
}

/// Settings that let an account try so many passwords.
pub fn attempts(burst: u32) -> Config {
    let (burst, period_seconds) = (NonZeroU32::new(burst).unwrap(), NonZeroU32::new(900).unwrap());
    Config { account_attempts: Quota { burst, period_seconds }, ..Config::default() }
}

impl Call<'_> {
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn by(self, session: &Session) -> Self {
        let value = format!("Bearer {}", session.access_token);
        self.header("authorization", value)
    }

    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let body = match self.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.app.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }
}
