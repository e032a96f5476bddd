//! Several instances, and instances that die.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::receiver::{Receiver, answer};
use crate::support::{App, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_the_work_and_send_nothing_twice() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let orders: Vec<Uuid> = (0..40).map(|_| Uuid::now_v7()).collect();
    for version in 1..=3 {
        for order in &orders {
            app.ordered(*order, version).await;
        }
    }
    let _instances = [app.start(), app.start()];
    app.all_done(endpoint).await;
    let received = receiver.received();
    let ids: HashSet<_> = received.iter().map(|message| message.header("webhook-id").to_owned()).collect();
    assert_eq!((received.len(), ids.len()), (120, 120));
    for order in &orders {
        let of_order = received.iter().filter(|message| message.object().0 == order.to_string());
        assert_eq!(of_order.map(|message| message.object().1).collect::<Vec<_>>(), [1, 2, 3]);
    }
    app.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_instance_was_sending_is_sent_again_under_the_same_id() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let order = Uuid::now_v7();
    app.ordered(order, 1).await;
    app.ordered(order, 2).await;
    // The message has come, but its answer is held back until the instance is dead.
    let held = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&held);
    receiver.answer_with(move |_| {
        let open = tokio::task::block_in_place(|| Handle::current().block_on(gate.acquire()).is_ok());
        answer(if open { 200 } else { 500 })
    });
    let mut first = app.start();
    until("the message to come", async || receiver.received().len() == 1).await;
    first.kill().await;
    held.add_permits(1);
    let second = app.start();
    assert_eq!(app.statuses(endpoint).await, ["pending", "parked"], "the lease still holds");
    app.clock.advance(TimeDelta::minutes(1));
    app.all_done(endpoint).await;
    let received = receiver.received();
    assert_eq!(received.iter().map(|message| message.object().1).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(received[0].body, received[1].body);
    drop(second);
    app.assert_sound().await;
}

#[tokio::test]
async fn nobody_sending_is_found() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    app.endpoint(&receiver, &["order.*"]).await;
    app.ordered(Uuid::now_v7(), 1).await;
    app.assert_sound().await;
    app.clock.advance(TimeDelta::minutes(6));
    let rules = async || {
        let found = webhooks::ops::find_violations(&app.webhooks).await.unwrap();
        found.into_iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules().await, ["webhook_overdue"]);
    sqlx::query("UPDATE deliveries SET lease = gen_random_uuid()").execute(app.db.owner()).await.unwrap();
    assert_eq!(rules().await, ["webhook_lease_expired"]);
    sqlx::query("UPDATE deliveries SET lease = NULL, status = 'parked'").execute(app.db.owner()).await.unwrap();
    assert_eq!(rules().await, ["webhook_parked_behind_nothing"]);
}

#[tokio::test]
async fn an_event_that_comes_twice_is_one_delivery() {
    let app = App::new().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = app.endpoint(&receiver, &["order.*"]).await;
    let event = app.ordered(Uuid::now_v7(), 1).await;
    app.happened(&event).await;
    tokio::join!(app.happened(&event), app.happened(&event));
    assert_eq!(app.deliveries(endpoint).await.len(), 1);
}
