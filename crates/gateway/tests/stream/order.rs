//! Each event once, in order, without a gap: whatever the feed does, and however often a client comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::Scope;
use serde_json::json;
use uuid::Uuid;

use crate::support::Edge;

const EVENTS: i64 = 3_000;

/// Follows all orders from the start until it has seen every event, on as many connections as it takes.
async fn follow(edge: Arc<Edge>) {
    let token = edge.token(Uuid::new_v4(), &[Scope::ReadOrders], 600);
    let mut seen = 0;
    while seen < EVENTS {
        let mut client = edge.connect(Some(&token)).await;
        let answer = client.subscribe(&["orders"], json!({ "orders": seen })).await;
        assert_eq!(answer["sequences"]["orders"], seen, "{answer}");
        for _ in 0..rand::random_range(1..400) {
            if seen == EVENTS {
                break;
            }
            let event = client.next().await;
            assert_eq!(event["sequence"], seen + 1, "{event}");
            seen += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_during_a_storm_gets_each_event_once_and_in_order() {
    // Little is kept, so that resuming goes through the log too.
    let edge = Arc::new(Edge::start_with(|config| config.recent_bytes = 64 * 1024).await);
    let followers: Vec<_> = (0..20).map(|_| tokio::spawn(follow(Arc::clone(&edge)))).collect();
    for number in 0..EVENTS {
        let event = edge.orders.write("orders", "order.placed", Uuid::new_v4(), json!({}));
        // One in ten is lost, one in ten doubled, and some are late.
        match rand::random_range(0..10) {
            0 => {}
            1 => (0..2).for_each(|_| edge.hub.feed(Arc::clone(&event))),
            2 => {
                let hub = Arc::clone(&edge.hub);
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    hub.feed(event);
                });
            }
            _ => edge.hub.feed(event),
        }
        if number % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    for follower in followers {
        follower.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_feed_and_a_log_that_is_away_only_delay() {
    let edge = Edge::start().await;
    let staff = edge.token(Uuid::new_v4(), &[Scope::ReadOrders], 600);
    let mut client = edge.connect(Some(&staff)).await;
    client.subscribe(&["orders"], json!({})).await;
    let write = || edge.orders.write("orders", "order.placed", Uuid::new_v4(), json!({}));
    // The feed brings nothing: the log is asked.
    drop(write());
    assert_eq!(client.next().await["sequence"], 1);
    // The feed has a gap, and the log is away: the later one waits for the missing one.
    edge.orders.away.store(true, Ordering::SeqCst);
    drop(write());
    edge.hub.feed(write());
    client.say(json!({ "type": "ping" })).await;
    assert_eq!(client.next().await["type"], "pong");
    edge.orders.away.store(false, Ordering::SeqCst);
    assert_eq!(
        (client.next().await["sequence"].as_i64(), client.next().await["sequence"].as_i64()),
        (Some(2), Some(3))
    );
    let mut ahead = edge.connect(Some(&staff)).await;
    assert_eq!(ahead.subscribe(&["orders"], json!({ "orders": 4 })).await["code"], "UNKNOWN_SEQUENCE");
}
