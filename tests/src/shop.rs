//! A whole shop in this process.

use std::io::Cursor;
use std::sync::OnceLock;
use std::time::Duration;

use crypto::{KeyringConfig, TokenConfig, TokenSigner};
use kernel::Context;
use pg::DatabaseConfig;
use products::ops::ImportOptions;
use runtime::telemetry::{Metrics, Telemetry, TelemetryConfig};
use serde_json::json;
use test_kit::TestDb;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tradepost::data_folder::Login;
use tradepost::settings::{Databases, Settings};
use tradepost::shop::{Here, Listeners, Roles, Shop};
use tradepost::{development, doctor};
use uuid::Uuid;

use crate::Buyer;

/// Time that set-up calls may take.
const BUDGET: Duration = Duration::from_mins(1);

/// Every role in this process, on databases of its own, behind a real socket.
pub struct TestShop {
    /// Base address.
    pub api: String,
    /// The settings it runs with.
    pub settings: Settings,
    shop: Shop,
    databases: [TestDb; 4],
}

/// A variant that can be bought.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its id.
    pub id: Uuid,
    /// Its product's handle.
    pub handle: String,
    /// Stock keeping unit.
    pub sku: String,
}

impl TestShop {
    /// A shop without products, with rate limits off and cheap password hashes.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with settings changed.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let databases = [
            TestDb::new(&users::SCHEMA).await,
            TestDb::new(&products::SCHEMA).await,
            TestDb::new(&orders::SCHEMA).await,
            TestDb::new(&webhooks::SCHEMA).await,
        ];
        let mut settings = settings(&databases);
        change(&mut settings);
        let shop = Shop::start(&settings, &Here::all(), metrics()).await.expect("the shop starts");
        let api = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let metrics = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = api.local_addr().expect("a bound listener has an address");
        shop.serve(Listeners { api: Some(api), internal: None, metrics });
        shop.wait_until_ready().await.expect("the shop is ready");
        Self { api: format!("http://{address}"), settings, shop, databases }
    }

    /// The roles themselves.
    pub fn roles(&self) -> &Roles {
        &self.shop.roles
    }

    /// The databases of users, products, orders and webhooks.
    pub fn databases(&self) -> &[TestDb; 4] {
        &self.databases
    }

    /// A client that isn't signed in.
    pub fn guest(&self) -> Buyer {
        Buyer::new(&self.api)
    }

    /// A new customer, signed in.
    pub async fn customer(&self) -> Buyer {
        let (email, password) = (format!("{}@buyer.example", Uuid::new_v4().simple()), "a long enough secret");
        let body = json!({ "email": email, "password": password, "first_name": "Test", "last_name": "Buyer" });
        self.guest().post("/api/v1/auth/register", body).await.expect(201);
        self.guest().sign_in(&email, password).await
    }

    /// A new staff member with every scope, signed in.
    pub async fn staff(&self) -> Buyer {
        let login =
            Login { email: format!("{}@staff.example", Uuid::new_v4().simple()), password: Uuid::new_v4().to_string() };
        let made = development::make_admin(
            self.shop.roles.users().expect("users runs here"),
            &login.email,
            &login.password,
            false,
        )
        .await;
        made.expect("an administrator is made");
        self.guest().sign_in(&login.email, &login.password).await
    }

    /// A product with one variant at 20.00 EUR, of which there are `stock` units.
    pub async fn add_variant(&self, stock: i64) -> Variant {
        let handle = format!("test-{}", Uuid::new_v4().simple());
        let sku = handle.to_uppercase();
        let line = json!({
            "handle": handle, "name": "Test product", "description": "Made for a test.", "category": ["Test"],
            "active": true, "tags": [], "options": [], "images": [],
            "variants": [{ "sku": sku, "name": "Default", "options": {}, "inventory": stock, "weight_grams": 100,
                           "prices": [{ "currency": "EUR", "amount": "20.00" }] }],
        });
        let options = ImportOptions {
            source: format!("{handle}.jsonl"),
            format: None,
            dry_run: false,
            resume: false,
            stop: CancellationToken::new(),
        };
        let context = Context::system("test", BUDGET);
        let source = Cursor::new(format!("{line}\n").into_bytes());
        let report = self
            .shop
            .roles
            .products()
            .expect("products runs here")
            .import_products(&context, source, options, |_| {})
            .await;
        assert_eq!(report.expect("the import runs").created, 1, "the product is new");
        let query = format!(r#"{{ product(slug: "{handle}") {{ variants {{ id }} }} }}"#);
        let answer = self.guest().graphql(&query).await;
        let id = answer["data"]["product"]["variants"][0]["id"].as_str().expect("the product has a variant");
        Variant { id: id.parse().expect("an id is a UUID"), handle, sku }
    }

    /// Fails unless the shop's books are right, once what runs has ended.
    pub async fn assert_sound(&self) {
        let deadline = tokio::time::Instant::now() + BUDGET;
        loop {
            let findings = doctor::findings(self.roles()).await.expect("the doctor can look");
            if findings.is_empty() {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "the books are wrong: {findings:#?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends the shop's work; the databases stay.
    pub async fn halt(&self) {
        self.shop.stop(Duration::from_secs(10)).await;
    }

    /// Ends the shop; the databases go with it.
    pub async fn stop(self) {
        self.halt().await;
    }
}

/// Starts logs and traces for this process, once and before its first shop.
pub fn start_telemetry(config: &TelemetryConfig) -> Telemetry {
    let telemetry = runtime::telemetry::init(config).expect("telemetry is not started yet");
    assert!(METRICS.set(telemetry.metrics()).is_ok(), "no shop was started yet");
    telemetry
}

fn settings(databases: &[TestDb; 4]) -> Settings {
    let database = |at: usize| DatabaseConfig { url: databases[at].urls().app.clone(), ..DatabaseConfig::default() };
    let mut settings = Settings {
        databases: Databases { users: database(0), products: database(1), orders: database(2), webhooks: database(3) },
        keyring: KeyringConfig::generate(),
        tokens: TokenConfig {
            issuer: "http://test".into(),
            audience: "tradepost".into(),
            signing_key: TokenSigner::generate_pem(),
            previous_public_keys: Vec::new(),
        },
        ..Settings::default()
    };
    settings.users.bcrypt_cost = 4;
    settings.gateway.limits.enabled = false;
    settings
}

/// The metrics of this process, which can be set up once.
static METRICS: OnceLock<Metrics> = OnceLock::new();

fn metrics() -> Metrics {
    METRICS.get_or_init(|| Metrics::install().expect("the first recorder of this process")).clone()
}
