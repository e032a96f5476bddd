//! Who sees what; tokens that expire; clients that misbehave.

use kernel::Scope;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Edge};

fn none() -> Value {
    json!({})
}

async fn refused(client: &mut Client, topic: &str, code: &str) {
    assert_eq!(client.subscribe(&[topic], none()).await["code"], code, "{topic}");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_see_their_own_orders_and_staff_all_of_them() {
    let edge = Edge::start().await;
    let (anna, ben) = (Uuid::new_v4(), Uuid::new_v4());
    let (of_anna, of_ben) = (Uuid::new_v4(), Uuid::new_v4());
    let mut customer = edge.connect(Some(&edge.token(anna, &[Scope::Customer], 600))).await;
    let both = ["orders".to_owned(), format!("order:{of_ben}")];
    let answer = customer.subscribe(&[&both[0], &both[1]], none()).await;
    assert_eq!((&answer["type"], &answer["sequences"]), (&json!("subscribed"), &json!({"orders": 0})), "{answer}");
    let mut staff = edge.connect(Some(&edge.token(Uuid::new_v4(), &[Scope::ReadOrders], 600))).await;
    staff.subscribe(&["order.*"], none()).await;

    edge.order("order.created", of_ben, Some(ben));
    edge.order("order.placed", of_ben, Some(ben));
    edge.order("order.placed", of_anna, Some(anna));
    edge.order("order.paid", Uuid::new_v4(), None);
    edge.order("order.paid", of_anna, Some(anna));
    for (sequence, kind) in [(3, "order.placed"), (5, "order.paid")] {
        let event = customer.next().await;
        assert_eq!((event["sequence"].as_i64(), event["type"].as_str()), (Some(sequence), Some(kind)));
        assert_eq!(event["object"], json!({"type": "order", "id": of_anna}));
        assert_eq!((&event["source"], &event["data"]["number"]), (&json!("orders"), &json!(7)));
        assert!(event["version"].is_i64() && event["time"].is_string());
    }
    for sequence in 2..=5 {
        assert_eq!(staff.next().await["sequence"], sequence, "all but what stays within the role");
    }
    refused(&mut customer, "order.*", "SCOPE_MISSING").await;
    refused(&mut customer, "*", "SCOPE_MISSING").await;
    refused(&mut staff, "product.*", "SCOPE_MISSING").await;
    refused(&mut staff, "nothing", "UNKNOWN_TOPIC").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_follows_what_can_be_sold_of_a_product_and_nothing_more() {
    let edge = Edge::start().await;
    let (product, variant) = (Uuid::new_v4(), Uuid::new_v4());
    let mut guest = edge.connect(None).await;
    let topic = format!("product:{product}");
    guest.subscribe(&[&topic], none()).await;
    refused(&mut guest, "orders", "TOKEN_MISSING").await;
    refused(&mut guest, "inventory.changed", "TOKEN_MISSING").await;
    let stock = |id: Uuid| json!({ "product_id": id, "variant_id": variant, "location_id": Uuid::new_v4(), "on_hand": 9, "reserved": 2, "available": 7 });
    edge.hub.feed(edge.products.write("products", "inventory.changed", Uuid::new_v4(), stock(Uuid::new_v4())));
    edge.hub.feed(edge.products.write("products", "inventory.changed", Uuid::new_v4(), stock(product)));
    let event = guest.next().await;
    assert_eq!(event["data"], json!({ "variant_id": variant, "available": 7 }));
    assert_eq!(event["object"], json!({ "type": "product", "id": product }));
    let price = json!({ "variant_id": variant, "price": { "amount": 1250, "currency": "EUR" } });
    let data = json!({ "slug": "oak-table", "price": price });
    edge.hub.feed(edge.products.write("products", "product.updated", product, data.clone()));
    assert_eq!(guest.next().await["data"], data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_on_the_open_connection_or_ends_it() {
    let edge = Edge::start().await;
    let (user, order) = (Uuid::new_v4(), Uuid::new_v4());
    let mut client = edge.connect(None).await;
    client.say(json!({ "type": "authenticate", "token": "nonsense" })).await;
    assert_eq!(client.next().await["code"], "INVALID_TOKEN");
    client.say(json!({ "type": "authenticate", "token": edge.token(user, &[Scope::Customer], 2) })).await;
    assert_eq!(client.next().await["type"], "authenticated");
    client.subscribe(&["orders"], none()).await;
    assert_eq!(client.next().await["type"], "token_expiring");
    let other = edge.token(Uuid::new_v4(), &[Scope::Customer], 600);
    client.say(json!({ "type": "authenticate", "token": other })).await;
    assert_eq!(client.next().await["code"], "OTHER_USER");
    client.say(json!({ "type": "authenticate", "token": edge.token(user, &[Scope::Customer], 4) })).await;
    assert_eq!(client.next().await["type"], "authenticated");
    edge.order("order.placed", order, Some(user));
    assert_eq!(client.next().await["sequence"], 1, "what was followed is followed still, past the first token");
    assert_eq!(client.closed().await, Some((4001, "TOKEN_EXPIRED".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_answered_until_it_is_too_much() {
    let edge = Edge::start_with(|config| config.max_errors = 4).await;
    let mut client = edge.connect(None).await;
    for wrong in [json!([]), json!({}), json!({"type": "fly"}), json!({"type": "ping", "more": 1})] {
        client.say(wrong).await;
        assert_eq!(client.next().await["code"], "MALFORMED_MESSAGE");
    }
    client.say(json!({ "type": "ping" })).await;
    assert_eq!(client.next().await["type"], "pong", "the connection lives on");
    client.say(json!({})).await;
    assert_eq!(client.closed().await, Some((4005, "TOO_MANY_ERRORS".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_topics_are_bounded_and_foreign_pages_are_kept_out() {
    let edge = Edge::start_with(|config| {
        config.max_connections_per_address = 2;
        config.max_connections_per_session = 1;
        config.max_subscriptions = 2;
    })
    .await;
    let token = edge.token(Uuid::new_v4(), &[Scope::Customer], 600);
    let mut first = edge.connect(Some(&token)).await;
    let topics: Vec<_> = (0..3).map(|_| format!("product:{}", Uuid::new_v4())).collect();
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    assert_eq!(first.subscribe(&topics, none()).await["code"], "TOO_MANY_SUBSCRIPTIONS");
    assert!(edge.try_connect(Some(&token), None).await.is_err(), "one connection a session");
    assert!(edge.try_connect(None, Some("https://elsewhere.example")).await.is_err());
    let own = format!("http://{}", edge.address);
    let mut second = edge.try_connect(None, Some(&own)).await.unwrap();
    assert!(edge.try_connect(None, None).await.is_err(), "two connections an address");
    second.say(json!({ "type": "authenticate", "token": token })).await;
    assert_eq!(second.closed().await, Some((4006, "TOO_MANY_CONNECTIONS".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_cut_and_the_others_notice_nothing() {
    let edge = Edge::start_with(|config| config.queue_messages = 64).await;
    let staff = edge.token(Uuid::new_v4(), &[Scope::ReadOrders], 600);
    let (mut slow, mut quick) = (edge.connect(Some(&staff)).await, edge.connect(Some(&staff)).await);
    slow.subscribe(&["orders"], none()).await;
    quick.subscribe(&["orders"], none()).await;
    // More than the buffers of a socket take.
    let padding = "x".repeat(8_000);
    for sequence in 1..=2_000 {
        let event = edge.orders.write("orders", "order.placed", Uuid::new_v4(), json!({ "padding": padding }));
        edge.hub.feed(event);
        assert_eq!(quick.next().await["sequence"], sequence);
    }
    let mut read = 0;
    while slow.read().await.is_ok() {
        read += 1;
    }
    assert!(read < 2_000, "{read} events were sent to a client that took none of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_says_when_to_come_back() {
    let edge = Edge::start().await;
    let mut client = edge.connect(None).await;
    let tasks = edge.tasks.clone();
    let stopping = tokio::spawn(async move { tasks.shutdown(std::time::Duration::from_secs(20)).await });
    let closing = client.next().await;
    assert!(closing["type"] == "closing" && closing["reconnect_in_ms"].is_u64(), "{closing}");
    assert_eq!(client.closed().await, Some((1012, "RESTART".into())));
    drop(client);
    stopping.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_session_ends_its_quiet_connections_and_no_others() {
    // No heartbeat comes while the test waits.
    let edge = Edge::start_with(|config| config.heartbeat_seconds = 3_600).await;
    let user = Uuid::new_v4();
    let [ended, kept] = [(); 2].map(|()| edge.token(user, &[Scope::Customer], 600));
    let mut by_header = edge.connect(Some(&ended)).await;
    let mut by_message = edge.connect(None).await;
    by_message.say(json!({ "type": "authenticate", "token": ended })).await;
    assert_eq!(by_message.next().await["type"], "authenticated");
    let mut other = edge.connect(Some(&kept)).await;
    let mut refreshed = edge.connect(Some(&ended)).await;
    refreshed.say(json!({ "type": "authenticate", "token": kept })).await;
    assert_eq!(refreshed.next().await["type"], "authenticated");
    edge.end_session(&ended);
    for client in [&mut by_header, &mut by_message] {
        assert_eq!(client.closed().await, Some((4002, "SESSION_ENDED".into())));
    }
    for client in [&mut other, &mut refreshed] {
        client.say(json!({ "type": "ping" })).await;
        assert_eq!(client.next().await["type"], "pong", "another session goes on");
    }
}
