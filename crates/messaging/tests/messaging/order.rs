//! Events come out in commit order, without gap and repeat, whatever writers do.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pg::{DatabaseConfig, Db};
use test_kit::TestDb;
use uuid::Uuid;

use crate::support::{Recorder, Running, SCHEMA, change, change_and_commit, changed, create_object, eventually};

const WRITERS: u64 = 24;
const CHANGES: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_slow_and_fast_writers_give_one_sequence_with_each_object_in_order() {
    let test = TestDb::new(&SCHEMA).await;
    let config = DatabaseConfig { url: test.urls().app.clone(), max_connections: 32, ..DatabaseConfig::default() };
    let db = Db::connect("ground", &config).await.unwrap();
    let mut objects = Vec::new();
    for _ in 0..8 {
        objects.push(create_object(&db).await);
    }
    let recorder = Recorder::default();
    let relay = Running::start(&db, recorder.clone());
    let committed = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| tokio::spawn(write(db.clone(), objects.clone(), seed, Arc::clone(&committed))))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let expected = committed.load(Ordering::SeqCst);
    eventually("all committed events are published", || async { recorder.events().len() >= expected }).await;
    relay.stop().await;

    let events = recorder.events();
    let sequences: Vec<i64> = events.iter().filter_map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=i64::try_from(expected).unwrap()).collect::<Vec<_>>());
    let mut versions: HashMap<Uuid, i64> = HashMap::new();
    for event in &events {
        let last = versions.entry(event.aggregate_id).or_default();
        assert_eq!(event.version, *last + 1, "object {} at sequence {:?}", event.aggregate_id, event.sequence);
        *last = event.version;
    }
    for (object, version) in versions {
        let state: i64 = sqlx::query_scalar("SELECT version FROM objects WHERE id = $1")
            .bind(object)
            .fetch_one(db.primary())
            .await
            .unwrap();
        assert_eq!(state, version);
    }
}

/// Changes objects in transactions of every temper: slow before the write, slow after it, with an old transaction id,
/// rolled back.
async fn write(db: Db, objects: Vec<Uuid>, seed: u64, committed: Arc<AtomicUsize>) {
    for round in 0..CHANGES {
        // A plain mix of the two numbers: the same in each run, another for each transaction.
        let dice = (seed * 7919 + round * 104_729 + 13) % 1009;
        let object = objects[usize::try_from(dice).unwrap() % objects.len()];
        let mut tx = db.begin().await.unwrap();
        if dice.is_multiple_of(3) {
            // The transaction id is given now, long before the object is locked.
            sqlx::query("SELECT pg_current_xact_id()").execute(&mut *tx).await.unwrap();
            pause(dice % 7).await;
        }
        change(&mut tx, object).await;
        if dice.is_multiple_of(2) {
            pause(dice % 11).await;
        }
        if dice.is_multiple_of(10) {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            committed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Makes transactions differ in length. Nothing is waited for here.
async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[tokio::test]
async fn a_transaction_that_began_first_but_wrote_last_comes_out_last() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    let other = create_object(db).await;
    // In the order of their transaction ids: `early` (writes version 2), `open` (never ends), and the one that writes
    // version 1. A reader below the oldest running transaction would see version 2 and not yet version 1.
    let mut early = db.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *early).await.unwrap();
    let mut open = db.begin().await.unwrap();
    change(&mut open, other).await;
    change_and_commit(db, object).await;
    change(&mut early, object).await;
    early.commit().await.unwrap();

    let recorder = Recorder::default();
    let _relay = Running::start(db, recorder.clone());
    eventually("both are published", || async { recorder.events().len() == 2 }).await;
    let versions: Vec<i64> = recorder.events().iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2]);

    open.commit().await.unwrap();
    eventually("the slow one follows", || async { recorder.events().len() == 3 }).await;
    let last = recorder.events().pop().unwrap();
    assert_eq!((last.aggregate_id, last.sequence), (other, Some(3)));
}

#[tokio::test]
async fn a_bulk_of_events_comes_out_as_it_was_given() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let objects: Vec<Uuid> = (0..2_500).map(|_| Uuid::new_v4()).collect();
    let mut tx = db.begin().await.unwrap();
    let events = objects.iter().map(|object| changed(*object, 1)).collect();
    messaging::emit_many(&mut tx, events).await.unwrap();
    tx.commit().await.unwrap();
    let recorder = Recorder::default();
    let _relay = Running::start(db, recorder.clone());
    eventually("all are published", || async { recorder.events().len() == objects.len() }).await;
    let published: Vec<Uuid> = recorder.events().iter().map(|event| event.aggregate_id).collect();
    assert_eq!(published, objects);
}

#[tokio::test]
async fn two_writers_of_one_version_cannot_both_commit_and_history_is_by_version() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    for _ in 0..3 {
        change_and_commit(db, object).await;
    }
    let mut tx = db.begin().await.unwrap();
    let error = messaging::emit(&mut tx, &changed(object, 3)).await.unwrap_err();
    assert_eq!(pg::violated_constraint(&error), Some("events_pkey"));
    drop(tx);
    let mut conn = db.primary().acquire().await.unwrap();
    let history = messaging::history(&mut conn, "object", object).await.unwrap();
    assert_eq!(history.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(history[2].data, serde_json::json!({ "version": 3 }));
}
