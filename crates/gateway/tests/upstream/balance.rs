//! Which instance gets a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gateway::upstream::{State, UpstreamConfig};
use http::StatusCode;

use crate::fixture::{Edge, Instance, Process, Trust, config, frozen, nowhere, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_the_requests() {
    let trust = Trust::new();
    let one = Process::start(Instance::new(), &trust.verifier);
    let two = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[one.address, two.address], &config());
    for _ in 0..100 {
        assert_eq!(edge.get().await.status, StatusCode::OK);
    }
    assert_eq!(one.role.arrivals() + two.role.arrivals(), 100);
    assert!(one.role.arrivals().min(two.role.arrivals()) >= 20, "{} {}", one.role.arrivals(), two.role.arrivals());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_fails_when_an_instance_is_killed() {
    let trust = Trust::new();
    let mut one = Process::start(Instance::new(), &trust.verifier);
    let two = Process::start(Instance::new(), &trust.verifier);
    let edge = Arc::new(Edge::new(&trust, &[one.address, two.address], &config()).checking());
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers = (0..8).map(|_| {
        let (edge, stop, answered) = (edge.clone(), stop.clone(), answered.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let answer = edge.get().await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
                answered.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    until(|| one.role.arrivals() >= 50).await;
    one.kill();
    edge.wait_for(&[State::Silent, State::Ready]).await;
    let before = answered.load(Ordering::SeqCst);
    until(|| answered.load(Ordering::SeqCst) >= before + 50).await;
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_a_frozen_instance_once_it_is_noticed() {
    let trust = Trust::new();
    let stopped = frozen();
    let one = Process::start(Instance::new(), &trust.verifier);
    let config = UpstreamConfig { check_timeout_ms: 300, ..config() };
    let edge = Edge::new(&trust, &[one.address, stopped.local_addr().unwrap()], &config).checking();
    // Also those that went to it before it was noticed.
    let answers = futures_util::future::join_all((0..20).map(|_| edge.get())).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    edge.wait_for(&[State::Silent, State::Ready]).await;
    for _ in 0..20 {
        assert_eq!(edge.get().await.status, StatusCode::OK);
    }
    assert_eq!(edge.upstream.instances().iter().filter(|state| **state == State::Silent).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_database_is_frozen_says_so_and_is_not_taken_for_frozen_itself() {
    let trust = Trust::new();
    let ill = Process::start(Instance::new(), &trust.verifier);
    let well = Process::start(Instance::new(), &trust.verifier);
    // Less than a check of the database may take, and one that is late is enough.
    let config = UpstreamConfig { check_timeout_ms: 1900, silent_after: 1, ..config() };
    let edge = Edge::new(&trust, &[ill.address, well.address], &config).checking();
    edge.wait_for(&[State::Ready, State::Ready]).await;
    ill.role.database_frozen.store(true, Ordering::SeqCst);
    edge.wait_for(&[State::NotReady, State::Ready]).await;
    let looked = ill.role.looked.load(Ordering::SeqCst);
    until(|| {
        assert!(!edge.upstream.instances().contains(&State::Silent));
        ill.role.looked.load(Ordering::SeqCst) >= looked + 2
    })
    .await;
    let before = ill.role.arrivals();
    for _ in 0..20 {
        assert_eq!(edge.get().await.status, StatusCode::OK);
    }
    assert_eq!(ill.role.arrivals(), before, "the other one can do better");
    // With nobody better it is asked all the same: it may have an answer of its own.
    well.role.database_frozen.store(true, Ordering::SeqCst);
    edge.wait_for(&[State::NotReady, State::NotReady]).await;
    assert_eq!(edge.get().await.status, StatusCode::OK);
    for role in [&ill.role, &well.role] {
        role.database_frozen.store(false, Ordering::SeqCst);
    }
    edge.wait_for(&[State::Ready, State::Ready]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_fails_is_left_out_for_a_while_and_comes_back() {
    let trust = Trust::new();
    let ill = Process::start(Instance::new(), &trust.verifier);
    let well = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[ill.address, well.address], &config());
    ill.role.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    while ill.role.arrivals() < 5 {
        edge.get().await;
    }
    edge.wait_for(&[State::Ready, State::Ejected]).await;
    ill.role.answer_with(StatusCode::OK);
    edge.wait_for(&[State::Ready, State::Ready]).await;
    while ill.role.arrivals() < 10 {
        assert_eq!(edge.get().await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_instance_is_never_left_out() {
    let trust = Trust::new();
    let processes = [(); 2].map(|()| Process::start(Instance::new(), &trust.verifier));
    let config = UpstreamConfig { eject_ms: 60_000, ..config() };
    let edge = Edge::new(&trust, &processes.each_ref().map(|it| it.address), &config);
    for process in &processes {
        process.role.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    }
    for _ in 0..50 {
        assert_eq!(edge.get().await.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    edge.wait_for(&[State::Ready, State::Ejected]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_opens_when_nobody_answers_and_closes_when_somebody_does() {
    let trust = Trust::new();
    let address = nowhere();
    let config = UpstreamConfig { breaker_failures: 3, ..config() };
    let edge = Edge::new(&trust, &[address], &config);
    while !edge.upstream.is_cut_off() {
        assert_eq!(edge.get().await.code(), "UPSTREAM_UNAVAILABLE");
    }
    let refused = edge.post(None).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    let process = Process::start_at(address, Instance::new(), &trust.verifier, None);
    while edge.get().await.status != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!edge.upstream.is_cut_off());
    assert!(process.role.arrivals() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_stays_ready_and_tells_how_the_instances_do() {
    let trust = Trust::new();
    let one = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[one.address, nowhere()], &config()).checking();
    edge.wait_for(&[State::Ready, State::Silent]).await;
    let ready = edge.send(http::Request::get("/ready").body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(ready.status, StatusCode::OK);
    let upstreams = serde_json::from_str::<serde_json::Value>(&ready.text).unwrap()["data"]["upstreams"].take();
    assert_eq!((&upstreams[0]["name"], &upstreams[0]["open"]), (&"products".into(), &true.into()));
    let instances = upstreams[0]["instances"].to_string();
    assert!(instances.contains("\"ready\"") && instances.contains("\"silent\""), "{instances}");
    assert!(!ready.text.contains("127.0.0.1"), "anyone may ask");
}
