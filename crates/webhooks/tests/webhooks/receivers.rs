//! Receivers that misbehave.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;
use webhooks::Config;
use webhooks::sender::resolver::system_lookup;

use crate::receiver::Receiver;
use crate::support::{App, ENDPOINTS, config};

async fn first_attempt(app: &App, endpoint: Uuid) -> Value {
    app.attempted(endpoint, 1).await;
    let delivery = app.deliveries(endpoint).await[0].clone();
    app.delivery(&delivery["id"]).await["attempts"][0].clone()
}

#[tokio::test]
async fn an_endless_answer_is_cut_and_counts_by_its_head() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    receiver.answer_with(|_| {
        let endless = stream::repeat_with(|| Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; 65_536])));
        Response::builder().status(200).body(Body::from_stream(endless)).unwrap()
    });
    let (endpoint, _) = app.endpoint(&receiver, &["*"]).await;
    let _instance = app.start();
    app.ordered(Uuid::now_v7(), 1).await;
    let attempt = first_attempt(&app, endpoint).await;
    assert_eq!((&attempt["http_status"], attempt["answer"].as_str().unwrap().len()), (&json!(200), 1_024));
    assert_eq!(app.statuses(endpoint).await, ["delivered"]);
}

#[tokio::test]
async fn an_answer_whose_body_never_comes_counts_by_its_head() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    receiver.answer_with(|_| {
        let never = stream::pending::<Result<Bytes, std::convert::Infallible>>();
        Response::builder().status(202).body(Body::from_stream(never)).unwrap()
    });
    let (endpoint, _) = app.endpoint(&receiver, &["*"]).await;
    let _instance = app.start();
    app.ordered(Uuid::now_v7(), 1).await;
    let attempt = first_attempt(&app, endpoint).await;
    assert_eq!((&attempt["http_status"], &attempt["answer"]), (&json!(202), &json!("")));
}

/// A server that takes connections and does `answer` with each; gives its address.
async fn raw(answer: &'static [u8], then_close: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(answer).await;
                if !then_close {
                    tokio::time::sleep(Duration::from_mins(10)).await;
                }
            });
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn one_that_does_not_answer_in_form_or_in_time_has_failed() {
    let app = App::with(Config { timeout_seconds: 1, ..config() }, system_lookup()).await;
    let _instance = app.start();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, error) in [
        (raw(b"", false).await, "TIMED_OUT"),
        (raw(b"HTTP/1.1 20", false).await, "TIMED_OUT"),
        (raw(b"", true).await, "CONNECTION_BROKEN"),
        (raw(b"what?\r\n\r\n", true).await, "CONNECTION_BROKEN"),
        (format!("http://{closed}/"), "CONNECTION_FAILED"),
        ("http://no-such-name.invalid/".to_owned(), "CONNECTION_FAILED"),
    ] {
        let made = app.post(ENDPOINTS, json!({ "url": url, "event_types": ["order.*"] })).await.data(201).clone();
        let endpoint: Uuid = made["endpoint"]["id"].as_str().unwrap().parse().unwrap();
        app.ordered(Uuid::now_v7(), 1).await;
        let attempt = first_attempt(&app, endpoint).await;
        assert_eq!((&attempt["error"], &attempt["http_status"]), (&json!(error), &Value::Null), "{url}");
        let path = format!("{ENDPOINTS}/{endpoint}");
        app.call(http::Method::DELETE, &path, &[], None).await;
    }
}

#[tokio::test]
async fn a_slow_endpoint_takes_its_own_places_only() {
    let limits = Config { concurrency: 4, endpoint_concurrency: 2, timeout_seconds: 60, ..config() };
    let app = App::with(limits, system_lookup()).await;
    let good = Receiver::start().await;
    let slow = app.post(ENDPOINTS, json!({ "url": raw(b"", false).await, "event_types": ["order.*"] })).await;
    let slow: Uuid = slow.data(201)["endpoint"]["id"].as_str().unwrap().parse().unwrap();
    let (quick, _) = app.endpoint(&good, &["order.*"]).await;
    for _ in 0..10 {
        app.ordered(Uuid::now_v7(), 1).await;
    }
    let mut instance = app.start();
    app.all_done(quick).await;
    let leased: i64 =
        sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL AND endpoint_id = $1")
            .bind(slow)
            .fetch_one(app.db.owner())
            .await
            .unwrap();
    assert_eq!(leased, 2, "as many as one endpoint may have under way");
    instance.kill().await;
}
