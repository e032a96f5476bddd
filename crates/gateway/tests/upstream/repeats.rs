//! What is sent again, and what is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gateway::upstream::UpstreamConfig;
use http::StatusCode;

use crate::fixture::{Answer, Edge, Instance, Process, Trust, config, nowhere};

/// Sends a change to two instances, and kills the one that gets it before it is done.
async fn kill_whoever_gets_it(key: Option<&str>) -> (Answer, usize, usize) {
    let trust = Trust::new();
    let mut processes = [(); 2].map(|()| Process::start(Instance::new(), &trust.verifier));
    let edge = Arc::new(Edge::new(&trust, &processes.each_ref().map(|it| it.address), &config()));
    // The first to be asked holds the permit's place forever; the second one is let through.
    let roles = processes.each_ref().map(|it| Arc::clone(&it.role));
    for role in &roles {
        role.go_on.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    }
    let sent = {
        let (edge, key) = (edge.clone(), key.map(ToOwned::to_owned));
        tokio::spawn(async move { edge.post(key.as_deref()).await })
    };
    let first = tokio::select! {
        () = roles[0].arrival.notified() => 0,
        () = roles[1].arrival.notified() => 1,
    };
    roles[1 - first].go_on.add_permits(1);
    processes[first].kill();
    let answer = sent.await.unwrap();
    let arrivals = roles.iter().map(|role| role.arrivals()).sum();
    let effects = roles.iter().map(|role| role.effects.load(Ordering::SeqCst)).sum();
    (answer, arrivals, effects)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_key_is_sent_once_more_and_done_once() {
    let (answer, arrivals, effects) = kill_whoever_gets_it(Some("0123456789abcdef")).await;
    assert_eq!((answer.status, arrivals, effects), (StatusCode::CREATED, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_a_key_is_not_sent_again() {
    let (answer, arrivals, effects) = kill_whoever_gets_it(None).await;
    assert_eq!((answer.status, arrivals, effects), (StatusCode::GATEWAY_TIMEOUT, 1, 0));
    assert_eq!(answer.code(), "ANSWER_LOST");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_sent_goes_to_another_instance() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address, nowhere(), nowhere()], &config());
    for _ in 0..20 {
        assert_eq!(edge.post(None).await.status, StatusCode::CREATED);
    }
    assert_eq!(process.role.effects.load(Ordering::SeqCst), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_retries_ends_at_the_budget() {
    let trust = Trust::new();
    let processes = [(); 2].map(|()| Process::start(Instance::new(), &trust.verifier));
    for process in &processes {
        process.role.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    }
    let config = UpstreamConfig { retries_per_second: 0, retry_percent: 10, eject_after: u32::MAX, ..config() };
    let edge = Edge::new(&trust, &processes.each_ref().map(|it| it.address), &config);
    for _ in 0..200 {
        let answer = edge.get().await;
        // The role's own answer, as it was.
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "ITS_OWN"));
    }
    let tries: usize = processes.iter().map(|it| it.role.arrivals()).sum();
    assert!((210..=221).contains(&tries), "{tries} tries of 200 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_repeated_and_a_mutation_is_not() {
    let trust = Trust::new();
    let processes = [(); 2].map(|()| Process::start(Instance::new(), &trust.verifier));
    for process in &processes {
        process.role.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    }
    let config = UpstreamConfig { eject_after: u32::MAX, ..config() };
    let edge = Edge::new(&trust, &processes.each_ref().map(|it| it.address), &config);
    let tries = || processes.iter().map(|it| it.role.arrivals()).sum::<usize>();
    edge.graphql("{ hat }", None).await;
    assert_eq!(tries(), 2);
    edge.graphql("mutation { sell }", None).await;
    assert_eq!(tries(), 3);
}
