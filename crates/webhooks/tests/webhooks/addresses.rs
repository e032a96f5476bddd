//! Addresses that may not be called are not, whatever leads to them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;
use webhooks::Config;
use webhooks::sender::resolver::Lookup;

use crate::receiver::{Receiver, answer};
use crate::support::{App, ENDPOINTS, config};

/// Every name leads to these addresses, one list after the other, the last for good.
fn leads_to(lists: &[&[&str]]) -> Lookup {
    let lists: Vec<Vec<IpAddr>> =
        lists.iter().map(|list| list.iter().map(|address| address.parse().unwrap()).collect()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    Arc::new(move |_| {
        let at = asked.fetch_add(1, Ordering::Relaxed).min(lists.len() - 1);
        let found = lists[at].iter().map(|address| SocketAddr::new(*address, 0)).collect();
        Box::pin(async move { Ok(found) })
    })
}

/// Makes an endpoint at this address and sends it an event; gives what came of the first attempt.
async fn attempt(app: &App, url: &str) -> (Option<i64>, Option<String>) {
    let made = app.post(ENDPOINTS, json!({ "url": url, "event_types": ["*"] })).await.data(201).clone();
    let endpoint: Uuid = made["endpoint"]["id"].as_str().unwrap().parse().unwrap();
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 1).await;
    let delivery = app.deliveries(endpoint).await[0].clone();
    let first = app.delivery(&delivery["id"]).await["attempts"][0].clone();
    (first["http_status"].as_i64(), first["error"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    for inside in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fec0::1",
    ] {
        let receiver = Receiver::start().await;
        let strict = Config { allow_private_addresses: Vec::new(), ..config() };
        let app = App::with(strict, leads_to(&[&[inside]])).await;
        let _instance = app.start_itself();
        let url = format!("http://public.example:{}/", receiver.address.port());
        assert_eq!(attempt(&app, &url).await, (None, Some("ADDRESS_NOT_ALLOWED".into())), "{inside}");
        assert!(receiver.received().is_empty());
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_on_a_second_look_gains_nothing() {
    let receiver = Receiver::start().await;
    // 127.0.0.1 is allowed here and answers; then the name leads to an address that is not.
    let app = App::with(config(), leads_to(&[&["127.0.0.1"], &["127.0.0.2"]])).await;
    receiver.answer_with(|_| {
        let mut refused = answer(500);
        refused.headers_mut().insert("connection", "close".parse().unwrap());
        refused
    });
    let _instance = app.start_itself();
    let url = format!("http://public.example:{}/", receiver.address.port());
    let made = app.post(ENDPOINTS, json!({ "url": url, "event_types": ["*"] })).await.data(201).clone();
    let endpoint: Uuid = made["endpoint"]["id"].as_str().unwrap().parse().unwrap();
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 1).await;
    app.pass(TimeDelta::seconds(5));
    app.attempted(endpoint, 2).await;
    let delivery = app.deliveries(endpoint).await[0].clone();
    let attempts = app.delivery(&delivery["id"]).await["attempts"].clone();
    assert_eq!((&attempts[0]["http_status"], &attempts[1]["error"]), (&json!(500), &json!("ADDRESS_NOT_ALLOWED")));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_are_called() {
    let receiver = Receiver::start().await;
    let app = App::with(config(), leads_to(&[&["127.0.0.2", "10.0.0.1", "127.0.0.1"]])).await;
    let _instance = app.start_itself();
    let url = format!("http://public.example:{}/", receiver.address.port());
    assert_eq!(attempt(&app, &url).await, (Some(204), None));
}

#[tokio::test]
async fn an_address_in_figures_is_checked_anew_at_every_attempt() {
    let receiver = Receiver::start().await;
    let app = App::new().await;
    let (endpoint, _) = app.endpoint(&receiver, &["*"]).await;
    // The same shop after its configuration was made stricter.
    let strict = Config { allow_private_addresses: Vec::new(), ..config() };
    let later = webhooks::Webhooks::new(app.db.db().clone(), app.keyring.clone(), app.clock.clone(), &strict).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(webhooks::sender::dispatcher::run(later, stop.clone()));
    app.ordered(Uuid::now_v7(), 1).await;
    app.attempted(endpoint, 1).await;
    let delivery = app.deliveries(endpoint).await[0].clone();
    assert_eq!(app.delivery(&delivery["id"]).await["attempts"][0]["error"], "ADDRESS_NOT_ALLOWED");
    assert!(receiver.received().is_empty());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
    let target = inside.url();
    receiver.answer_with(move |_| {
        let mut elsewhere = answer(307);
        elsewhere.headers_mut().insert("location", target.parse().unwrap());
        elsewhere
    });
    let app = App::new().await;
    let _instance = app.start_itself();
    assert_eq!(attempt(&app, &receiver.url()).await, (Some(307), None));
    assert!(inside.received().is_empty());
}
