//! Nothing is lost when a relay ends in the middle, and no connection is needed for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use events::Envelope;
use messaging::{Consumer, InProcess, Transport, TransportError};
use test_kit::TestDb;

use crate::support::{
    Recorder, Running, SCHEMA, change_and_commit, consumer, count, create_object, effects, eventually, in_process,
    published,
};

/// Delivers, and then never says so: the relay dies between publishing and moving its cursor.
struct DeliversAndHangs(InProcess, Arc<AtomicUsize>);

#[async_trait]
impl Transport for DeliversAndHangs {
    async fn publish(&self, batch: &[Arc<Envelope>]) -> Result<(), TransportError> {
        self.0.publish(batch).await?;
        self.1.fetch_add(batch.len(), Ordering::SeqCst);
        std::future::pending().await
    }

    fn subscribe(&self, _: Consumer) {}

    fn subscribe_fanout(&self, _: &'static [&'static str], _: messaging::transport::FanoutHandler) {}
}

#[tokio::test]
async fn a_relay_that_dies_after_publishing_has_its_events_delivered_again_with_one_effect() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    change_and_commit(db, object).await;
    change_and_commit(db, object).await;
    let delivered = Arc::new(AtomicUsize::new(0));
    let transport = DeliversAndHangs(in_process(consumer(db, |_| Ok(()))), Arc::clone(&delivered));
    let first = Running::start(db, transport);
    eventually("the first relay delivers", || async { delivered.load(Ordering::SeqCst) == 2 }).await;
    drop(first);
    assert_eq!((published(db).await, effects(db, object).await), (0, vec![1, 2]));

    let transport = in_process(consumer(db, |_| Ok(())));
    let recorder = Recorder::default();
    let again = recorder.clone();
    transport.subscribe_fanout(
        &["object.changed"],
        Arc::new(move |event| {
            let again = again.clone();
            Box::pin(async move { again.publish(&[event]).await.unwrap() })
        }),
    );
    let _second = Running::start(db, transport);
    eventually("the second relay moves the cursor", || async { published(db).await == 2 }).await;
    assert_eq!(sequences(&recorder), [1, 2]);
    assert_eq!(effects(db, object).await, [1, 2]);
    assert_eq!(count(db, "inbox").await, 2);
}

#[tokio::test]
async fn a_transport_that_fails_gets_the_batch_again() {
    struct FailsTwice(Recorder, AtomicUsize);
    #[async_trait]
    impl Transport for FailsTwice {
        async fn publish(&self, batch: &[Arc<Envelope>]) -> Result<(), TransportError> {
            if self.1.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err(TransportError("the broker is gone".to_owned()));
            }
            self.0.publish(batch).await
        }
        fn subscribe(&self, _: Consumer) {}
        fn subscribe_fanout(&self, _: &'static [&'static str], _: messaging::transport::FanoutHandler) {}
    }
    let test = TestDb::new(&SCHEMA).await;
    let object = create_object(test.db()).await;
    change_and_commit(test.db(), object).await;
    let recorder = Recorder::default();
    let _relay = Running::start(test.db(), FailsTwice(recorder.clone(), AtomicUsize::new(0)));
    eventually("the third attempt counts", || async { published(test.db()).await == 1 }).await;
    assert_eq!(recorder.events().len(), 1);
}

#[tokio::test]
async fn a_relay_survives_the_loss_of_every_connection() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    let recorder = Recorder::default();
    let _relay = Running::start(db, recorder.clone());
    for round in 1..=3 {
        // The pool may still hold connections that were cut.
        eventually("the change commits", || async {
            let Ok(mut tx) = db.begin().await else { return false };
            let written = messaging::emit(&mut tx, &crate::support::changed(object, round)).await;
            written.is_ok() && tx.commit().await.is_ok()
        })
        .await;
        eventually("the event is published", || async { sequences(&recorder).contains(&round) }).await;
        test.cut_connections().await;
    }
    // A cut between publishing and moving the cursor publishes again.
    let mut sequences = sequences(&recorder);
    sequences.dedup();
    assert_eq!(sequences, [1, 2, 3]);
}

fn sequences(recorder: &Recorder) -> Vec<i64> {
    recorder.events().iter().filter_map(|event| event.sequence).collect()
}

#[tokio::test]
async fn of_two_relays_one_works_and_the_other_takes_over() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    let (one, two) = (Recorder::default(), Recorder::default());
    let first = Running::start(db, one.clone());
    change_and_commit(db, object).await;
    eventually("the first publishes", || async { one.events().len() == 1 }).await;
    let _second = Running::start(db, two.clone());
    change_and_commit(db, object).await;
    eventually("the first goes on", || async { one.events().len() == 2 }).await;
    first.stop().await;
    change_and_commit(db, object).await;
    eventually("the second takes over", || async { two.events().len() == 1 }).await;
    assert_eq!((one.events().len(), two.events()[0].sequence), (2, Some(3)));
}

#[tokio::test]
async fn the_log_is_read_in_order_page_by_page_and_holds_whatever_was_published() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    for _ in 0..5 {
        change_and_commit(db, object).await;
    }
    assert_eq!(messaging::log::published_after(db, 0, 10).await.unwrap(), [], "nothing has a number yet");
    let recorder = Recorder::default();
    let _relay = Running::start(db, recorder.clone());
    eventually("all are published", || async { recorder.events().len() == 5 }).await;

    let mut read = Vec::new();
    while read.len() < 5 {
        let after = read.last().map_or(0, |event: &Arc<Envelope>| event.sequence.unwrap());
        let page = messaging::log::published_after(db, after, 2).await.unwrap();
        assert!((1..=2).contains(&page.len()));
        read.extend(page);
    }
    assert_eq!(read, recorder.events());
    assert_eq!(messaging::log::last_sequence(db).await.unwrap(), 5);
    assert_eq!(messaging::log::published_after(db, 5, 10).await.unwrap(), []);
}
