//! What the stand-in has in its books: who was charged, and for which order.

use std::collections::HashMap;

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use uuid::Uuid;

use super::StandIn;

/// Most objects of a list.
const ALL: &str = "limit=1000000";

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Its name.
    pub intent: String,
    /// The cart that it was made for.
    pub cart_id: Option<Uuid>,
    /// The last order that was made with it.
    pub order_id: Option<Uuid>,
    /// Where it stands, in Stripe's words.
    pub status: String,
    /// What it is over.
    pub amount: i64,
    /// How often a card was charged for it.
    pub charges: usize,
    /// What was taken.
    pub captured: i64,
    /// What went back.
    pub refunded: i64,
}

impl Book {
    /// Whether the money is promised.
    pub fn is_promised(&self) -> bool {
        self.status == "requires_capture"
    }
}

impl StandIn {
    /// Every payment.
    pub async fn books(&self) -> Vec<Book> {
        let mut charges: HashMap<String, Vec<Value>> = HashMap::new();
        for charge in self.list("charges").await {
            if charge["status"] == "succeeded" {
                let intent = charge["payment_intent"].as_str().unwrap_or_default().to_owned();
                charges.entry(intent).or_default().push(charge);
            }
        }
        let book = |intent: Value| {
            let id = intent["id"].as_str().unwrap_or_default().to_owned();
            let charges = charges.get(&id).map(Vec::as_slice).unwrap_or_default();
            let captured = charges.iter().filter(|charge| charge["captured"] == true);
            let named = |name: &str| intent["metadata"][name].as_str().and_then(|id| id.parse().ok());
            Book {
                cart_id: named("cart_id"),
                order_id: named("order_id"),
                status: intent["status"].as_str().unwrap_or_default().to_owned(),
                amount: intent["amount"].as_i64().unwrap_or_default(),
                charges: charges.len(),
                captured: captured.filter_map(|charge| charge["amount"].as_i64()).sum(),
                refunded: charges.iter().filter_map(|charge| charge["amount_refunded"].as_i64()).sum(),
                intent: id,
            }
        };
        self.list("payment_intents").await.into_iter().map(book).collect()
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let answer = self.layer.forward(&Method::GET, &format!("/v1/{what}?{ALL}"), Bytes::new()).await;
        answer.json()["data"].as_array().cloned().unwrap_or_default()
    }
}
