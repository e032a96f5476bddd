//! Payments by Stripe, against a stand-in that others wrote, behind a layer that fails as told.

mod dashboard;
mod faults;
mod notices;
mod official;
mod purchase;

use std::time::{Duration, Instant};

use orders::Config;
use orders::payments::stripe::config::StripeConfig;
use serde_json::{Value, json};
use test_kit::stripe::{Book, Card, Paid, SECRET_KEY, StandIn, WEBHOOK_SECRET};
use uuid::Uuid;

use crate::support::{Client, Shop};

/// Where Stripe tells of payments.
const NOTICES: &str = "/api/v1/payment-webhooks/stripe";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A shop whose payments go by Stripe.
struct StripeShop {
    shop: Shop,
    stripe: StandIn,
}

impl StripeShop {
    /// One that Stripe tells of payments, without jobs.
    async fn open(seed: u64) -> Self {
        let stripe = StandIn::start(seed).await;
        let config = Config {
            lease_seconds: 1,
            resume_seconds: 1,
            stripe: StripeConfig {
                secret_key: SECRET_KEY.into(),
                webhook_secret: WEBHOOK_SECRET.into(),
                api_base: stripe.api_base(),
                // Long enough that on a busy machine only what the stand-in holds back is late.
                timeout_ms: 2_000,
                look_after_seconds: 1,
                ..StripeConfig::default()
            },
            ..Config::default()
        };
        let shop = Shop::with(config).await;
        stripe.hooks().send_to(Some(format!("{}{NOTICES}", shop.listen().await)));
        Self { shop, stripe }
    }

    /// One that Stripe tells nothing.
    async fn unheard() -> Self {
        let opened = Self::open(1).await;
        opened.stripe.hooks().send_to(None);
        opened
    }

    /// A cart that waits for its payment, and what the browser needs for it.
    async fn cart(&self, client: &Client<'_>, quantity: i64) -> (String, String) {
        let hat = self.shop.products.add_variant(1_000, 1_000);
        let cart = client.ready_cart_of(&[(hat, quantity)], "stripe").await;
        let shown = client.get(&cart).await.data(200);
        (cart, shown["payment_session"]["client_data"]["client_secret"].as_str().unwrap().to_owned())
    }

    /// An order whose money is promised.
    async fn order(&self, client: &Client<'_>) -> Value {
        let (cart, secret) = self.cart(client, 1).await;
        assert_eq!(self.stripe.pay(&secret, Card::Good, true).await, Paid::Promised);
        client.complete(&cart).await.data(201)
    }

    /// The only payment in the stand-in's books.
    async fn book(&self) -> Book {
        let mut books = self.stripe.books().await;
        assert_eq!(books.len(), 1, "{books:#?}");
        books.remove(0)
    }

    /// Works until something holds: looks at sessions, sees to notices, resumes what was left.
    async fn work_until(&self, sql: &'static str) {
        let give_up = Instant::now() + PATIENCE;
        while !sqlx::query_scalar::<_, bool>(sql).fetch_one(self.shop.db.owner()).await.unwrap() {
            assert!(Instant::now() < give_up, "never: {sql}");
            self.work().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the jobs do, once.
    async fn work(&self) {
        use orders::process::{checkout, settle, watch};
        let orders = &self.shop.orders;
        watch::see_to_notices(orders).await.unwrap();
        watch::look_at_sessions(orders).await.unwrap();
        checkout::resume_checkouts(orders).await.unwrap();
        settle::resume_settling(orders).await.unwrap();
    }
}

/// Nothing is left to do.
const SETTLED: &str = "SELECT NOT EXISTS (SELECT FROM payment_sessions WHERE look_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM payment_notices WHERE next_try_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM checkouts WHERE state IN ('running', 'undoing'))
    AND NOT EXISTS (SELECT FROM orders WHERE pending_since IS NOT NULL)";

/// What is left to do.
async fn unsettled(shop: &Shop) -> Vec<String> {
    let sql = "SELECT s::text FROM payment_sessions s WHERE look_at IS NOT NULL
        UNION ALL SELECT n::text FROM payment_notices n WHERE next_try_at IS NOT NULL
        UNION ALL SELECT c::text FROM checkouts c WHERE state IN ('running', 'undoing')
        UNION ALL SELECT o::text FROM orders o WHERE pending_since IS NOT NULL";
    sqlx::query_scalar(sql).fetch_all(shop.db.owner()).await.unwrap()
}

fn total(order: &Value) -> i64 {
    order["totals"]["total"]["amount"].as_i64().unwrap()
}

fn id(object: &Value) -> Option<Uuid> {
    object["id"].as_str().and_then(|id| id.parse().ok())
}

/// Has the next looks come now.
async fn hurry(shop: &Shop) {
    for sql in [
        "UPDATE payment_sessions SET look_at = now() WHERE look_at IS NOT NULL",
        "UPDATE payment_notices SET next_try_at = now() WHERE next_try_at IS NOT NULL",
    ] {
        sqlx::query(sql).execute(shop.db.owner()).await.unwrap();
    }
}

/// A line item's quantity, as a change.
fn quantity(quantity: i64) -> Value {
    json!({ "quantity": quantity })
}
