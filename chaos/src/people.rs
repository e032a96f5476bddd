//! Who uses the shop during a run: customers who buy, and staff who take money, send goods, cancel and give back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::{Client, Refused, SESSION};

/// How long the customer's browser tries to reach the provider.
const CARD_TRIES: u32 = 60;
/// Customers that close their browser once the provider has their card: the provider's event must make the order.
const LEAVE: f64 = 0.15;
/// Cards that are declined.
const DECLINED: f64 = 0.05;

/// One purchase as its customer saw it.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// The cart.
    pub cart: String,
    /// The provider's name of the payment.
    pub payment: String,
    /// What the shop said at the end.
    pub end: End,
}

/// How a purchase ended for its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this order.
    Placed(String),
    /// With a no.
    Refused(String),
    /// The customer left, or was never answered.
    Unknown,
}

/// What customers share.
pub struct Market {
    /// What there is to buy.
    pub variants: Vec<String>,
    /// The provider as browsers reach it.
    pub provider: String,
    /// All purchases so far.
    pub purchases: Mutex<Vec<Purchase>>,
}

/// Buys until told to stop.
pub async fn customer(client: Client, market: Arc<Market>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow_and_update() {
        if let Ok(purchase) = buy(&client, &market).await {
            market.purchases.lock().unwrap_or_else(PoisonError::into_inner).push(purchase);
        }
        let pause = rand::rng().random_range(50..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// From a look at the catalog to an order.
async fn buy(client: &Client, market: &Market) -> Result<Purchase, Refused> {
    client.post("/api/v1/graphql", &json!({ "query": "{ products(first: 12) { nodes { id slug name } } }" })).await?;
    let variant = market.variants.choose(&mut rand::rng()).cloned().unwrap_or_default();
    let address = json!({ "first_name": "Ada", "last_name": "Example", "line1": "Hauptstr. 1", "city": "Berlin",
        "postal_code": "10115", "country": "DE" });
    let quantity = rand::rng().random_range(1..=2);
    let cart = json!({ "currency": "EUR", "email": "ada@shop.example", "shipping_address": address,
        "line_items": [{ "variant_id": variant, "quantity": quantity }] });
    let cart = text(&client.post("/api/v1/carts", &cart).await?["data"]["id"]);
    let base = format!("/api/v1/carts/{cart}");
    let options = client.get(&format!("{base}/shipping-options")).await?;
    let option = json!({ "option": options["data"][0]["option"] });
    client.put(&format!("{base}/shipping-option"), &option).await?;
    let session = client.post(&format!("{base}/payment-sessions"), &json!({ "provider": "stripe" })).await?;
    let secret = text(&session["data"]["payment_session"]["client_data"]["client_secret"]);
    let payment = secret.split("_secret").next().unwrap_or_default().to_owned();
    let unknown = |payment| Purchase { cart: cart.clone(), payment, end: End::Unknown };
    if !show_card(&market.provider, &payment, &secret).await || rand::rng().random_bool(LEAVE) {
        return Ok(unknown(payment));
    }
    let end = match client.order(&format!("{base}/complete")).await {
        Ok(order) => End::Placed(text(&order["data"]["id"])),
        Err(Refused::Answer(code)) => End::Refused(code),
        Err(Refused::Silence) => return Ok(unknown(payment)),
    };
    Ok(Purchase { cart, payment, end })
}

/// What the provider's library does in the browser. Whether the provider answered.
async fn show_card(provider: &str, payment: &str, secret: &str) -> bool {
    let card = if rand::rng().random_bool(DECLINED) { "pm_card_chargeDeclined" } else { "pm_card_visa" };
    let form = serde_urlencoded::to_string([("client_secret", secret), ("payment_method", card)]).unwrap_or_default();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap_or_default();
    for _ in 0..CARD_TRIES {
        let request = http.post(format!("{provider}/v1/payment_intents/{payment}/confirm")).body(form.clone());
        // A refusal means that an earlier try got through.
        if request.send().await.is_ok_and(|answer| answer.status().as_u16() < 500) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    false
}

/// Works on orders until told to stop.
pub async fn staff(guest: Client, (email, password): (String, String), mut stop: watch::Receiver<bool>) {
    while !*stop.borrow_and_update() {
        let Ok(client) = guest.sign_in(&email, &password).await else { continue };
        let signed_in = Instant::now();
        while !*stop.borrow_and_update() && signed_in.elapsed() < SESSION {
            work(&client, &stop).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// One look at the orders that wait.
async fn work(client: &Client, stop: &watch::Receiver<bool>) {
    let Ok(orders) = client.get("/api/v1/admin/orders?state=placed&limit=20").await else { return };
    for order in orders["data"].as_array().into_iter().flatten() {
        // What is refused was done by an earlier try, or was overtaken.
        drop(work_on(client, &text(&order["id"]), order["payment_state"] == "authorised").await);
        if *stop.borrow() {
            return;
        }
    }
}

async fn work_on(client: &Client, order: &str, authorised: bool) -> Result<(), Refused> {
    let base = format!("/api/v1/admin/orders/{order}");
    let chance = rand::rng().random_range(0..100);
    if chance < 10 {
        return client.post(&format!("{base}/cancel"), &json!({ "reason": "changed their mind" })).await.map(drop);
    }
    if authorised {
        let order = client.get(&base).await?;
        let payment = text(&order["data"]["payments"][0]["id"]);
        client.order(&format!("{base}/payments/{payment}/capture")).await?;
    }
    if chance < 25 {
        client.post(&format!("{base}/refunds"), &json!({ "amount": 100 })).await?;
    }
    client.post(&format!("{base}/fulfillments"), &json!({})).await.map(drop)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
