//! Each event has one effect, failures are tried again and then kept aside, and order holds for each object.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use messaging::dead_letters::{Replayed, Selection, replay};
use messaging::{Backlog, ConsumeError};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use test_kit::TestDb;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{
    Over, Recorder, Running, SCHEMA, change_and_commit, consumer, count, create_object, effects, eventually,
    in_process, over_each_transport, published,
};

over_each_transport!(
    every_message_delivered_twice_and_at_once_has_one_effect,
    what_fails_a_few_times_is_tried_until_it_works_and_leaves_no_trace_of_the_failures,
    an_event_that_cannot_be_handled_waits_aside_with_what_follows_it_and_others_go_on,
);

async fn every_message_delivered_twice_and_at_once_has_one_effect(over: Over) {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    for _ in 0..5 {
        change_and_commit(db, object).await;
    }
    let recorder = Recorder::default();
    let _relay = Running::start(db, recorder.clone());
    eventually("all are published", || async { recorder.events().len() == 5 }).await;
    let carrier = over.carry(consumer(db, |_| Ok(())));
    let transport = carrier.transport();
    let batch = recorder.events();
    let (one, two) = tokio::join!(transport.publish(&batch), transport.publish(&batch));
    one.and(two).unwrap();
    transport.publish(&batch).await.unwrap();
    // Comes after all the repeats.
    change_and_commit(db, object).await;
    eventually("the last is published", || async { recorder.events().len() == 6 }).await;
    transport.publish(&recorder.events()[5..]).await.unwrap();
    eventually("the last is handled", || async { effects(db, object).await.ends_with(&[6]) }).await;
    assert_eq!(effects(db, object).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(count(db, "inbox").await, 6);
}

async fn what_fails_a_few_times_is_tried_until_it_works_and_leaves_no_trace_of_the_failures(over: Over) {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let object = create_object(db).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let carrier = over.carry(consumer(db, move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Err(ConsumeError::failed("not yet")),
        1 => panic!("a mistake in the handler"),
        2..6 => Err(ConsumeError::Unavailable("a server is away for longer than a few tries".to_owned())),
        _ => Ok(()),
    }));
    let _relay = Running::over(db, carrier.transport());
    change_and_commit(db, object).await;
    eventually("the event is handled", || async { effects(db, object).await == [1] }).await;
    eventually("it is published", || async { published(db).await == 1 }).await;
    assert_eq!(tries.load(Ordering::SeqCst), 7);
    assert_eq!((count(db, "inbox").await, count(db, "dead_letters").await), (1, 0));
}

async fn an_event_that_cannot_be_handled_waits_aside_with_what_follows_it_and_others_go_on(over: Over) {
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
    let carrier = over.carry(consumer.clone());
    let relay = Running::over(db, carrier.transport());
    for _ in 0..3 {
        change_and_commit(db, bad).await;
        change_and_commit(db, good).await;
    }
    eventually("the others are handled", || async { effects(db, good).await == [1, 2, 3] }).await;
    let stuck = || async { messaging::dead_letters::stuck(db, None).await.unwrap() };
    eventually("the bad one is given up", || async {
        stuck().await.first().is_some_and(|lane| lane.is_given_up() && lane.behind == 1)
    })
    .await;
    let lane = stuck().await.remove(0);
    assert_eq!((lane.version, &*lane.error, lane.attempts), (2, "version 2 is odd", 5));
    assert_eq!((lane.consumer.as_str(), lane.aggregate_id, lane.kind.as_str()), (consumer.name, bad, "object.changed"));
    assert_eq!(effects(db, bad).await, [1]);
    eventually("all are published", || async { published(db).await == 6 }).await;
    assert_eq!(messaging::backlog(db).await.unwrap(), Backlog { events: 0, seconds: 0, dead_letters: 2 });

    assert_eq!(replay(&consumer, Selection::All).await.unwrap(), Replayed { handled: 0, stuck: 1 });
    assert_eq!(stuck().await[0].attempts, 6);
    repaired.store(true, Ordering::SeqCst);
    assert_eq!(replay(&consumer, Selection::Object(good)).await.unwrap(), Replayed::default());
    assert_eq!(replay(&consumer, Selection::Event(lane.event_id)).await.unwrap(), Replayed { handled: 2, stuck: 0 });
    assert_eq!((effects(db, bad).await, count(db, "dead_letters").await), (vec![1, 2, 3], 0));
    change_and_commit(db, bad).await;
    eventually("the object goes on", || async { effects(db, bad).await == [1, 2, 3, 4] }).await;
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
