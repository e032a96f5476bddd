//! The stream of a whole shop, from the buyer's click to the follower's socket.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tradepost_tests::{Buyer, TestShop, Variant};
use uuid::Uuid;

use crate::TOPOLOGY;

/// After this a test that waits has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// A signed-in client of the stream that follows orders.
struct Follower(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Follower {
    /// Follows the orders that `token` may see, behind a sequence or from now on.
    async fn start(shop: &TestShop, token: &str, after: Option<i64>) -> Self {
        let address = format!("{}/api/v1/stream", shop.api().replacen("http", "ws", 1));
        let (socket, _) = tokio_tungstenite::connect_async(address).await.expect("the stream opens");
        let mut follower = Self(socket);
        assert_eq!(follower.next().await["type"], "welcome");
        follower.say(json!({ "type": "authenticate", "token": token })).await;
        assert_eq!(follower.next().await["type"], "authenticated");
        let after = after.map_or(json!({}), |sequence| json!({ "orders": sequence }));
        loop {
            follower.say(json!({ "type": "subscribe", "topics": ["orders"], "after": after })).await;
            let answer = follower.next().await;
            if answer["type"] == "subscribed" {
                return follower;
            }
            assert_eq!(answer["code"], "SOURCE_UNAVAILABLE", "the gateway begins to follow the role: {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("the connection is open");
    }

    /// The next message that is no heartbeat.
    async fn next(&mut self) -> Value {
        self.read().await.unwrap_or_else(|close| panic!("closed: {close:?}"))
    }

    /// The same, or the code and reason of the close.
    async fn read(&mut self) -> Result<Value, Option<(u16, String)>> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("messages are JSON");
                    if message["type"] != "position" {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Events up to the first that is `kind` of `order`.
    async fn until(&mut self, kind: &str, order: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            let found = event["type"] == kind && event["object"]["id"] == order;
            events.push(event);
            if found {
                return events;
            }
        }
    }
}

async fn buy(buyer: &Buyer, variant: &Variant) -> Value {
    let cart = buyer.ready_cart(variant, 1).await;
    buyer.complete(&cart, None).await.expect(201)
}

fn kinds_of<'a>(events: &'a [Value], order: &str) -> Vec<&'a str> {
    events.iter().filter(|event| event["object"]["id"] == order).map(|event| event["type"].as_str().unwrap()).collect()
}

/// Their sequences, which must rise.
fn sequences(events: &[Value]) -> Vec<i64> {
    let sequences: Vec<_> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|before, after| before < after), "in order, each once: {sequences:?}");
    sequences
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_follow_their_own_orders_and_staff_follow_all() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(10).await;
    let (customer, other, staff) = (shop.customer().await, shop.customer().await, shop.staff().await);
    let mut own = Follower::start(&shop, customer.token().unwrap(), None).await;
    let mut all = Follower::start(&shop, staff.token().unwrap(), None).await;

    let foreign = buy(&other, &variant).await["id"].as_str().unwrap().to_owned();
    let order = buy(&customer, &variant).await;
    let (id, payment) = (order["id"].as_str().unwrap(), order["payments"][0]["id"].as_str().unwrap());
    let admin = format!("/api/v1/admin/orders/{id}");
    staff.post(&format!("{admin}/payments/{payment}/capture"), json!({})).await.expect(200);
    staff.post(&format!("/api/v1/admin/orders/{foreign}/cancel"), json!({})).await.expect(200);
    staff.post(&format!("{admin}/fulfillments"), json!({})).await.expect(200);
    staff.post(&format!("{admin}/refunds"), json!({ "amount": 2000 })).await.expect(200);

    let steps = ["order.placed", "order.paid", "order.fulfilled", "order.refunded"];
    let seen = own.until("order.refunded", id).await;
    assert_eq!(kinds_of(&seen, id), steps);
    assert_eq!(seen.len(), steps.len(), "nobody else's: {seen:#?}");
    assert_eq!(seen[0]["data"]["number"], order["number"]);
    sequences(&seen);

    let seen = all.until("order.refunded", id).await;
    assert_eq!(kinds_of(&seen, id), steps);
    assert_eq!(kinds_of(&seen, &foreign), ["order.placed", "order.cancelled"]);
    sequences(&seen);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_resumes_while_others_buy_gets_each_event_once_and_in_order() {
    const BUYERS: usize = 4;
    const ORDERS: usize = 6;
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(100).await;
    let staff = shop.staff().await;
    let token = staff.token().unwrap();
    let mut follower = Follower::start(&shop, token, None).await;
    let buyers = (0..BUYERS).map(|_| {
        let (guest, variant) = (shop.guest(), variant.clone());
        tokio::spawn(async move {
            let mut placed = Vec::new();
            for _ in 0..ORDERS {
                placed.push(buy(&guest, &variant).await["id"].as_str().unwrap().to_owned());
            }
            placed
        })
    });
    let buyers: Vec<_> = buyers.collect();

    let mut seen: Vec<Value> = Vec::new();
    while seen.len() < BUYERS * ORDERS {
        seen.push(follower.next().await);
        if seen.len().is_multiple_of(3) {
            drop(follower);
            let last = seen.last().and_then(|event| event["sequence"].as_i64());
            follower = Follower::start(&shop, token, last).await;
        }
    }
    let mut placed = HashSet::new();
    for buyer in buyers {
        placed.extend(buyer.await.expect("the buyer gets all orders"));
    }
    let ids: HashSet<_> = seen.iter().map(|event| event["object"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, placed);
    let resumed = sequences(&seen);

    // Who comes later and asks for everything reads the same.
    let mut late = Follower::start(&shop, token, Some(0)).await;
    let mut all = Vec::new();
    while all.len() < BUYERS * ORDERS {
        all.push(late.next().await);
    }
    assert_eq!(sequences(&all), resumed);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_stream() {
    // A heartbeat would end it too, later.
    let shop = TestShop::start_with(TOPOLOGY, |settings| settings.gateway.stream.heartbeat_seconds = 3_600).await;
    let (email, password) = (format!("{}@buyer.example", Uuid::new_v4().simple()), "a long enough secret");
    let body = json!({ "email": email, "password": password, "first_name": "Test", "last_name": "Buyer" });
    let guest = shop.guest();
    guest.post("/api/v1/auth/register", body).await.expect(201);
    let login = json!({ "email": email, "password": password });
    let tokens = guest.post("/api/v1/auth/login", login.clone()).await.expect(200);
    let elsewhere = guest.post("/api/v1/auth/login", login).await.expect(200);
    let mut follower = Follower::start(&shop, tokens["access_token"].as_str().unwrap(), None).await;
    let mut other = Follower::start(&shop, elsewhere["access_token"].as_str().unwrap(), None).await;

    let out = guest.post("/api/v1/auth/logout", json!({ "refresh_token": tokens["refresh_token"] })).await;
    assert_eq!(out.status.as_u16(), 204);
    assert_eq!(follower.read().await, Err(Some((4002, "SESSION_ENDED".into()))));
    other.say(json!({ "type": "ping" })).await;
    assert_eq!(other.next().await["type"], "pong", "the other session goes on");
    shop.stop().await;
}
