//! What is answered while the catalog's role is away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gateway::upstream::State;
use http::StatusCode;

use crate::fixture::{Edge, Instance, Process, Trust, config};

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_answered_from_memory_and_says_so() {
    let trust = Trust::new();
    let mut process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config()).checking();
    let token = edge.token.clone();
    let before = edge.graphql("{ hat }", None).await;
    assert_eq!((before.status, before.header("cache-status")), (StatusCode::OK, ""));
    assert_eq!(edge.graphql("{ hat }", Some(&token)).await.status, StatusCode::OK);
    assert_eq!(edge.graphql("{ coat }", Some(&token)).await.status, StatusCode::OK);
    assert_eq!(edge.graphql("mutation { sell }", None).await.status, StatusCode::OK);
    process.kill();

    // At once, before any check, and also when it is known that nobody answers.
    for known in [false, true] {
        if known {
            edge.wait_for(&[State::Silent]).await;
        }
        let after = edge.graphql("{ hat }", None).await;
        assert_eq!((after.status, &after.text), (StatusCode::OK, &before.text));
        assert_eq!(after.header("cache-status"), "tradepost; fwd=stale; detail=UPSTREAM_UNAVAILABLE");
        assert!(after.header("age").parse::<u64>().is_ok());
        assert_eq!(after.header("etag"), before.header("etag"));
    }
    // What was not asked before, what somebody in particular asks, and what changes something: all refused, and quickly.
    for (document, token) in
        [("{ shoe }", None), ("{ coat }", None), ("{ hat }", Some(&*token)), ("mutation { sell }", None)]
    {
        let refused = tokio::time::timeout(Duration::from_secs(5), edge.graphql(document, token)).await.unwrap();
        assert_eq!(refused.code(), "UPSTREAM_UNAVAILABLE", "{document}");
        assert_eq!(refused.header("retry-after"), "1");
    }
    assert_eq!(edge.get().await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_says_it_cannot_answer_is_covered_too() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    edge.graphql("{ hat }", None).await;
    process.role.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    let after = edge.graphql("{ hat }", None).await;
    assert_eq!((after.status, after.header("cache-status").is_empty()), (StatusCode::OK, false));
    assert_eq!(edge.graphql("{ shoe }", None).await.code(), "ITS_OWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_its_database_is_covered_too() {
    let trust = Trust::new();
    let process = Process::start(Instance::new(), &trust.verifier);
    let edge = Edge::new(&trust, &[process.address], &config());
    let before = edge.graphql("{ hat }", None).await;
    process.role.database_away.store(true, Ordering::SeqCst);
    let after = edge.graphql("{ hat }", None).await;
    assert_eq!((&after.text, after.header("cache-status").is_empty()), (&before.text, false));
    // What was not asked before gets what the role says.
    assert!(edge.graphql("{ shoe }", None).await.text.contains("SERVICE_UNAVAILABLE"));
}
