//! What passes: headers, large bodies, the end of either side.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::fixture::{Edge, Instance, PIECE, Process, Trust, config, until};

/// More than everything between the two ends may hold.
const HELD_AT_MOST: usize = 4 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_meant_for_the_other_side_passes() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    let request = Request::get("/api/v1/things")
        .header("x-tradepost-internal", "forged")
        .header("x-tradepost-deadline-ms", "99999999")
        .header("x-tradepost-actor", "system")
        .header("x-request-id", "mine")
        .header("connection", "x-once")
        .header("x-once", "1")
        .header("accept-language", "de");
    let answer = edge.send(request.body(Body::empty()).unwrap()).await;
    let seen = process.role.seen.lock().unwrap().clone();
    let seen = |name| seen.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(answer.status, StatusCode::OK, "the forged token was sent on");
    assert_eq!(seen("x-tradepost-actor"), None);
    assert_eq!(seen("x-once"), None);
    assert_eq!(seen("accept-language"), Some("de"));
    assert_eq!(seen("x-request-id"), Some(answer.header("x-request-id")));
    let left: u64 = seen("x-tradepost-deadline-ms").unwrap().parse().unwrap();
    assert!((1..=15_000).contains(&left), "{left}");
    assert_eq!((answer.header("x-kept"), answer.header("x-tradepost-secret")), ("1", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_who_takes_it() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    process.role.go_on.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let pieces = futures_util::stream::unfold(0, move |n| {
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(PIECE, Ordering::SeqCst);
            (n < 512).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE])), n + 1))
        }
    });
    let request = Request::post("/api/v1/uploads").header("content-type", "text/csv");
    let request = request.body(Body::from_stream(pieces)).unwrap();
    let uploading = tokio::spawn(async move { edge.send(request).await });
    process.role.arrival.notified().await;
    settled(|| sent.load(Ordering::SeqCst)).await;
    assert!(sent.load(Ordering::SeqCst) < HELD_AT_MOST, "{} bytes held", sent.load(Ordering::SeqCst));
    process.role.go_on.add_permits(1_000_000);
    let answer = uploading.await.unwrap();
    assert_eq!((answer.status, answer.text), (StatusCode::OK, (512 * PIECE).to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_waits_for_who_takes_it() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    let request = Request::get("/api/v1/downloads").body(Body::empty()).unwrap();
    let response = edge.router.clone().oneshot(request).await.unwrap();
    settled(|| process.role.bytes.load(Ordering::SeqCst)).await;
    let made = process.role.bytes.load(Ordering::SeqCst);
    assert!(made < HELD_AT_MOST, "{made} bytes held");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 1024 * PIECE);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_ends_in_an_error() {
    let trust = Trust::new();
    let mut process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    let request = Request::get("/api/v1/downloads").body(Body::empty()).unwrap();
    let response = edge.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    process.kill();
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_the_work_of_the_role() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    process.role.go_on.close();
    let edge = Edge::new(&trust, &[process.address], &config());
    let client = tokio::spawn(async move { edge.post(None).await });
    process.role.arrival.notified().await;
    client.abort();
    tokio::time::timeout(Duration::from_secs(30), process.role.cancelled.notified()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stops_is_the_clients_fault() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    let pieces = futures_util::stream::iter([Ok(Bytes::from(vec![b'x'; PIECE])), Err(std::io::Error::other("gone"))]);
    let request = Request::post("/api/v1/uploads").header("content-type", "text/csv");
    let answer = edge.send(request.body(Body::from_stream(pieces)).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "BODY_INCOMPLETE"));
}

/// Waits until a figure has stopped growing.
async fn settled(figure: impl Fn() -> usize) {
    let mut last = (figure(), tokio::time::Instant::now());
    until(|| {
        let now = figure();
        if now != last.0 {
            last = (now, tokio::time::Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    })
    .await;
}
