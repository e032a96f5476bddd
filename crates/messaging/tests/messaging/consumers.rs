//! Each event has one effect, failures are tried again and then kept aside, and order holds for each object.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use messaging::dead_letters::{Replayed, replay};
use messaging::{Backlog, ConsumeError, Transport};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use test_kit::TestDb;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{
    Recorder, Running, SCHEMA, change_and_commit, consumer, count, create_object, effects, eventually, in_process,
    published,
};

#[tokio::test]
async fn every_message_delivered_twice_and_at_once_has_one_effect() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    for _ in 0..5 {
        change_and_commit(db, object).await;
    }
    let recorder = Recorder::default();
    let _relay = Running::start(db, recorder.clone());
    eventually("all are published", || async { recorder.events().len() == 5 }).await;
    let transport = in_process(consumer(db, |_| Ok(())));
    let batch = recorder.events();
    let (one, two) = tokio::join!(transport.publish(&batch), transport.publish(&batch));
    one.and(two).unwrap();
    transport.publish(&batch).await.unwrap();
    assert_eq!(effects(db, object).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_fails_a_few_times_is_tried_until_it_works_and_leaves_no_trace_of_the_failures() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let transport = in_process(consumer(db, move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Err(ConsumeError::failed("not yet")),
        1 => panic!("a mistake in the handler"),
        2..6 => Err(ConsumeError::Unavailable("a server is away for longer than a few tries".to_owned())),
        _ => Ok(()),
    }));
    let _relay = Running::start(db, transport);
    change_and_commit(db, object).await;
    eventually("the event is handled", || async { published(db).await == 1 }).await;
    assert_eq!(tries.load(Ordering::SeqCst), 7);
    assert_eq!(effects(db, object).await, [1]);
    assert_eq!(count(db, "dead_letters").await, 0);
}

#[tokio::test]
async fn an_event_that_cannot_be_handled_waits_aside_with_what_follows_it_and_others_go_on() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let (bad, good) = (create_object(db).await, create_object(db).await);
    let repaired = Arc::new(AtomicBool::new(false));
    let works = Arc::clone(&repaired);
    let consumer = consumer(db, move |event| {
        if event.aggregate_id == bad && event.version == 2 && !works.load(Ordering::SeqCst) {
            return Err(ConsumeError::failed("version 2 is odd"));
        }
        Ok(())
    });
    let relay = Running::start(db, in_process(consumer.clone()));
    for _ in 0..3 {
        change_and_commit(db, bad).await;
        change_and_commit(db, good).await;
    }
    eventually("all are published", || async { published(db).await == 6 }).await;
    assert_eq!((effects(db, good).await, effects(db, bad).await), (vec![1, 2, 3], vec![1]));
    let kept: Vec<(i64, String, i32)> =
        sqlx::query_as("SELECT version, error, attempts FROM dead_letters ORDER BY version")
            .fetch_all(db.primary())
            .await
            .unwrap();
    assert_eq!(kept[0], (2, "version 2 is odd".to_owned(), 5));
    assert_eq!((kept.len(), kept[1].0, kept[1].2), (2, 3, 0));
    assert_eq!(messaging::backlog(db).await.unwrap(), Backlog { events: 0, seconds: 0, dead_letters: 2 });

    assert_eq!(replay(&consumer).await.unwrap(), Replayed { handled: 0, stuck: 1 });
    repaired.store(true, Ordering::SeqCst);
    assert_eq!(replay(&consumer).await.unwrap(), Replayed { handled: 2, stuck: 0 });
    assert_eq!((effects(db, bad).await, count(db, "dead_letters").await), (vec![1, 2, 3], 0));
    change_and_commit(db, bad).await;
    eventually("the object goes on", || async { published(db).await == 7 }).await;
    assert_eq!(effects(db, bad).await, [1, 2, 3, 4]);
    relay.stop().await;
}

#[tokio::test]
async fn an_event_and_its_handling_belong_to_the_trace_of_the_request() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    let tracer = opentelemetry_sdk::trace::SdkTracerProvider::builder().build().tracer("test");
    let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    // For the whole process: a span that another thread meets first is otherwise switched off for all.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let request = tracing::info_span!("request");
    let trace_id = request.context().span().span_context().trace_id();
    change_and_commit(db, object).instrument(request).await;

    let seen = Arc::new(std::sync::Mutex::new(None));
    let noted = Arc::clone(&seen);
    let transport = in_process(consumer(db, move |_| {
        *noted.lock().unwrap() = Some(tracing::Span::current().context().span().span_context().trace_id());
        Ok(())
    }));
    let _relay = Running::start(db, transport);
    eventually("the event is handled", || async { published(db).await == 1 }).await;
    assert_eq!(*seen.lock().unwrap(), Some(trace_id));
}
