//! The order of deliveries.

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::receiver::{Receiver, answer};
use crate::support::{App, event, until};

#[tokio::test]
async fn each_objects_events_come_in_order_with_failures_in_between() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["*"]).await;
    // Every message fails once, each third one twice.
    let seen: Mutex<HashMap<String, u32>> = Mutex::default();
    receiver.answer_with(move |message| {
        let mut seen = seen.lock().unwrap();
        let times = seen.entry(message.header("webhook-id").to_owned()).or_default();
        *times += 1;
        answer(if *times > 1 + u32::from(message.object().1 % 3 == 0) { 200 } else { 500 })
    });
    let orders: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    for version in 1..=4 {
        for order in &orders {
            app.ordered(*order, version).await;
        }
    }
    let _instance = app.start();
    until("everything to be taken", async || {
        // The clock moves on between attempts only: a lease would end under one that takes its time.
        app.nothing_under_way().await;
        app.pass(TimeDelta::seconds(30));
        app.statuses(endpoint).await.iter().all(|status| status == "delivered")
    })
    .await;
    let mut bodies: HashMap<String, _> = HashMap::new();
    for order in &orders {
        let order = order.to_string();
        let of_order = receiver.received().into_iter().filter(|message| message.object().0 == order);
        let versions: Vec<i64> = of_order.map(|message| message.object().1).collect();
        assert_eq!(versions, [1, 1, 2, 2, 3, 3, 3, 4, 4], "a version again only until it is taken, never a later one");
    }
    for message in receiver.received() {
        let first = bodies.entry(message.header("webhook-id").to_owned()).or_insert_with(|| message.body.clone());
        assert_eq!(*first, message.body, "byte for byte the same at every attempt");
    }
    app.assert_sound().await;
}

#[tokio::test]
async fn a_failing_object_parks_its_own_lane_and_no_other() {
    let app = App::new().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let (elsewhere, _) = app.endpoint(&other, &["order.*"]).await;
    let (bad, good) = (Uuid::now_v7(), Uuid::now_v7());
    let poison = bad.to_string();
    receiver.answer_with(move |message| answer(if message.object().0 == poison { 500 } else { 200 }));
    let _instance = app.start();
    for version in 1..=3 {
        app.ordered(bad, version).await;
        app.ordered(good, version).await;
    }
    app.attempted(endpoint, 4).await;
    app.all_done(elsewhere).await;
    let now: Vec<_> =
        app.deliveries(endpoint).await.iter().map(|d| (d["object_id"] == json!(bad), d["status"].clone())).collect();
    assert_eq!(
        now,
        [
            (true, json!("pending")),
            (false, json!("delivered")),
            (true, json!("parked")),
            (false, json!("delivered")),
            (true, json!("parked")),
            (false, json!("delivered")),
        ]
    );
    assert_eq!(other.received().len(), 6, "the other endpoint's lane of the same object goes on");
    app.assert_sound().await;

    receiver.answer(200);
    app.pass(TimeDelta::seconds(5));
    app.all_done(endpoint).await;
    let versions: Vec<i64> =
        receiver.received().iter().filter(|m| m.object().0 == bad.to_string()).map(|m| m.object().1).collect();
    assert_eq!(versions, [1, 1, 2, 3]);
}

#[tokio::test]
async fn a_lane_goes_on_when_its_first_delivery_is_given_up() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let (order, other) = (Uuid::now_v7(), Uuid::now_v7());
    receiver.answer_with(|message| answer(if message.json()["data"]["reason"] == "POISON" { 400 } else { 200 }));
    app.happened(&event("order.cancelled", order, 1, json!({ "reason": "POISON" }))).await;
    app.ordered(order, 2).await;
    let _instance = app.start();
    let retries = app.config.retry_seconds.clone();
    for (at, seconds) in retries.iter().enumerate() {
        let (attempts, others) = (i64::try_from(at).unwrap() + 1, i64::try_from(at).unwrap());
        app.attempted(endpoint, attempts + others).await;
        // Others are taken meanwhile, so the endpoint is not disabled.
        app.ordered(other, attempts).await;
        app.attempted(endpoint, attempts + others + 1).await;
        app.pass(TimeDelta::seconds(i64::from(*seconds)));
    }
    app.all_done(endpoint).await;
    let first = &app.deliveries(endpoint).await[0];
    assert_eq!((&first["status"], &first["attempts"]), (&json!("failed"), &json!(11)));
    assert_eq!(receiver.received().last().unwrap().object(), (order.to_string(), 2));
    app.assert_sound().await;
}
