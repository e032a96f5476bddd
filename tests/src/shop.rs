//! A whole shop in this process, its roles spread as a topology says.

use std::io::Cursor;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crypto::{KeyringConfig, TokenConfig, TokenSigner};
use futures_util::future::join_all;
use kernel::Context;
use products::ops::ImportOptions;
use runtime::http::Role;
use runtime::telemetry::{Metrics, Telemetry, TelemetryConfig};
use serde_json::json;
use test_kit::{Authority, TestDb};
use tokio_util::sync::CancellationToken;
use tradepost::data_folder::Login;
use tradepost::settings::{Databases, Settings};
use tradepost::shop::{Roles, Shop};
use tradepost::{development, doctor};
use uuid::Uuid;

use crate::topology::{Place, Places};
use crate::{Buyer, Topology};

/// Time that set-up calls may take.
const BUDGET: Duration = Duration::from_mins(1);

/// A shop on databases of its own, behind real sockets.
pub struct TestShop {
    /// Base addresses of its gateways.
    pub apis: Vec<String>,
    /// The settings of the shop as a whole.
    pub settings: Settings,
    /// Addresses of the internal listeners, with the role behind each.
    pub internal: Vec<(Role, String)>,
    /// Who signed the certificates of the places, where they speak TLS.
    pub authority: Option<Authority>,
    shops: Vec<Shop>,
    /// The roles once more, idle: what commands use on a shop that runs.
    desk: Roles,
    turn: AtomicUsize,
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
    pub async fn start(topology: Topology) -> Self {
        Self::start_with(topology, |_| {}).await
    }

    /// The same with settings changed.
    pub async fn start_with(topology: Topology, change: impl FnOnce(&mut Settings)) -> Self {
        let databases = [
            TestDb::new(&users::SCHEMA).await,
            TestDb::new(&products::SCHEMA).await,
            TestDb::new(&orders::SCHEMA).await,
            TestDb::new(&webhooks::SCHEMA).await,
        ];
        let mut settings = settings(&databases);
        change(&mut settings);
        let Places { all, apis, internal, authority } = topology.places(&mut settings).await;
        let desk = Box::pin(Roles::connect(&settings)).await.expect("the roles connect");
        let mut shops = Vec::new();
        for Place { here, settings, listeners } in all {
            settings.check(&here).expect("these settings are enough");
            let shop = Box::pin(Shop::start(&settings, &here, metrics())).await.expect("the shop starts");
            shop.serve(listeners);
            shops.push(shop);
        }
        for shop in &shops {
            shop.wait_until_ready().await.expect("the shop is ready");
        }
        let shop = Self { apis, settings, internal, authority, shops, desk, turn: AtomicUsize::default(), databases };
        shop.wait_until_open().await;
        shop
    }

    /// Waits until every gateway gets answers of the roles behind it.
    async fn wait_until_open(&self) {
        let deadline = tokio::time::Instant::now() + BUDGET;
        for api in &self.apis {
            let buyer = Buyer::new(api);
            let is_open = async || {
                let nobody = json!({ "email": "nobody@buyer.example", "password": "no secret of anybody" });
                let users = buyer.post("/api/v1/auth/login", nobody).await.status.as_u16() == 401;
                let products = buyer.graphql("{ __typename }").await["data"].is_object();
                let orders = buyer.get(&format!("/api/v1/carts/{}", Uuid::new_v4())).await.status.as_u16() == 404;
                users && products && orders
            };
            while !is_open().await {
                assert!(tokio::time::Instant::now() < deadline, "{api} does not reach every role");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// The roles, as commands use them on a shop that runs.
    pub fn roles(&self) -> &Roles {
        &self.desk
    }

    /// The databases of users, products, orders and webhooks.
    pub fn databases(&self) -> &[TestDb; 4] {
        &self.databases
    }

    /// The base address of a gateway; each time of the next one.
    pub fn api(&self) -> &str {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.apis[turn % self.apis.len()]
    }

    /// A client that isn't signed in.
    pub fn guest(&self) -> Buyer {
        Buyer::new(self.api())
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
        let users = self.desk.users().expect("the desk has every role");
        let made = development::make_admin(users, &login.email, &login.password, false).await;
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
        let products = self.desk.products().expect("the desk has every role");
        let report = products.import_products(&context, source, options, |_| {}).await;
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

    /// Waits until every event is published.
    pub async fn settle(&self) {
        let deadline = tokio::time::Instant::now() + BUDGET;
        for db in &self.desk.databases {
            while messaging::relay::backlog(db).await.expect("the log can be read").events > 0 {
                assert!(tokio::time::Instant::now() < deadline, "events of {} are not published", db.role());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Ends the shop's work; the databases stay.
    pub async fn halt(&self) {
        join_all(self.shops.iter().map(|shop| shop.stop(Duration::from_secs(10)))).await;
        for db in &self.desk.databases {
            db.close().await;
        }
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
    let database = |at: usize| databases[at].config();
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
    settings.orders.lease_seconds = 5;
    settings.orders.resume_seconds = 1;
    settings.gateway.limits.enabled = false;
    settings
}

/// The metrics of this process, which can be set up once.
static METRICS: OnceLock<Metrics> = OnceLock::new();

fn metrics() -> Metrics {
    METRICS.get_or_init(|| Metrics::install().expect("the first recorder of this process")).clone()
}
