//! What only the transport between processes can get wrong: lost connections, instances that die, calls that are lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeleteOptions};
use messaging::dead_letters::{Replayed, Selection, replay, stuck};
use messaging::{ConsumeError, RabbitMq, RabbitMqConfig, Transport};
use pg::Db;
use test_kit::{Authority, PrivateBroker, TestDb};
use uuid::Uuid;

use crate::proxy::Proxy;
use crate::support::{
    Process, Running, SCHEMA, TestExchange, change_and_commit, consumer, count, create_object, effects, eventually,
    published,
};

/// Some objects, each changed a few times one after the other while the test goes on.
async fn write(db: Db, objects: Vec<Uuid>, changes: usize) {
    for _ in 0..changes {
        for object in &objects {
            change_and_commit(&db, *object).await;
        }
    }
}

async fn create_objects(db: &Db, count: usize) -> Vec<Uuid> {
    let mut objects = Vec::new();
    for _ in 0..count {
        objects.push(create_object(db).await);
    }
    objects
}

/// Waits until each object has had its effects, and fails unless they came in order and once.
async fn each_in_order(db: &Db, objects: &[Uuid], changes: i64) {
    let expected = i64::try_from(objects.len()).unwrap() * changes;
    eventually("all have had their effect", || async { count(db, "effects").await >= expected }).await;
    for object in objects {
        assert_eq!(effects(db, *object).await, (1..=changes).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_fails_is_tried_after_growing_pauses_then_dead_and_mended_by_a_replay() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let object = create_object(db).await;
    let tries = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&tries);
    let broken = consumer(db, move |_| {
        noted.lock().unwrap().push(Instant::now());
        Err(ConsumeError::failed("broken"))
    });
    let process = exchange.process(vec![broken]);
    let _relay = Running::start(db, process.transport.clone());
    change_and_commit(db, object).await;
    change_and_commit(db, object).await;
    eventually("a copy is with the dead", || async { exchange.dead().await == 1 }).await;
    let tries = tries.lock().unwrap().clone();
    assert_eq!(tries.len(), 5);
    for (pair, pause) in tries.windows(2).zip(exchange.retry_ms) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(pause.into()), "{tries:?}");
    }
    let lanes = stuck(db, None).await.unwrap();
    assert_eq!((lanes.len(), lanes[0].attempts, lanes[0].behind), (1, 5, 1));
    let mended = consumer(db, |_| Ok(()));
    assert_eq!(replay(&mended, Selection::All).await.unwrap(), Replayed { handled: 2, stuck: 0 });
    assert_eq!(effects(db, object).await, [1, 2]);
}

/// An instance with a way to the broker of its own.
async fn instance(exchange: &TestExchange, db: &Db) -> (Process, Proxy) {
    let (proxy, url) = Proxy::to(&exchange.broker.url).await;
    let config = RabbitMqConfig { url: url.into(), ..exchange.config() };
    (Process::start(&config, vec![consumer(db, |_| Ok(()))]), proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_the_instance_that_works_leaves_each_object_in_order() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let objects = create_objects(db, 6).await;
    let (mut one, mut two) = (instance(&exchange, db).await, instance(&exchange, db).await);
    let relay = RabbitMq::new(&exchange.config()).unwrap();
    relay.expect("test.on_change", &["object.changed"]);
    let _relay = Running::start(db, relay);
    let writer = tokio::spawn(write(db.clone(), objects.clone(), 40));
    for round in 1..=7 {
        eventually("some are handled", || async { count(db, "effects").await >= round * 30 }).await;
        // One of both is the one that works; each ends in turn, and another takes its place.
        let next = instance(&exchange, db).await;
        let (process, proxy) = std::mem::replace(if round % 2 == 0 { &mut one } else { &mut two }, next);
        if round > 3 {
            // Killed; else its tasks end in the middle, with the chance to say goodbye to the broker.
            proxy.cut();
        }
        drop(process);
    }
    writer.await.unwrap();
    each_in_order(db, &objects, 40).await;
    assert_eq!(count(db, "dead_letters").await, 0);
}

#[tokio::test]
async fn an_instance_that_is_told_to_stop_hands_over_in_order() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let objects = create_objects(db, 3).await;
    let mut process = exchange.process(vec![consumer(db, |_| Ok(()))]);
    let _relay = Running::start(db, process.transport.clone());
    let writer = tokio::spawn(write(db.clone(), objects.clone(), 30));
    for round in 1..=3 {
        eventually("some are handled", || async { count(db, "effects").await >= round * 15 }).await;
        let next = exchange.process(vec![consumer(db, |_| Ok(()))]);
        std::mem::replace(&mut process, next).stop().await;
    }
    writer.await.unwrap();
    each_in_order(db, &objects, 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing_and_listeners_hear_of_the_gap() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let (proxy, url) = Proxy::to(&exchange.broker.url).await;
    let config = RabbitMqConfig { url: url.into(), ..exchange.config() };
    let process = Process::start(&config, vec![consumer(db, |_| Ok(()))]);
    let (heard, gaps) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, noted) = (Arc::clone(&heard), Arc::clone(&gaps));
    process.transport.subscribe_fanout(
        &["object.changed"],
        Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        }),
    );
    process.transport.on_gap(Arc::new(move || {
        noted.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }));
    eventually("events begin to come", || async { gaps.load(Ordering::SeqCst) >= 1 }).await;
    let _relay = Running::start(db, process.transport.clone());
    let objects = create_objects(db, 4).await;
    let writer = tokio::spawn(write(db.clone(), objects.clone(), 50));
    for round in 1..=4 {
        eventually("some are handled", || async { count(db, "effects").await >= round * 30 }).await;
        let before = gaps.load(Ordering::SeqCst);
        proxy.cut();
        eventually("events begin to come again", || async { gaps.load(Ordering::SeqCst) > before }).await;
    }
    writer.await.unwrap();
    each_in_order(db, &objects, 50).await;
    eventually("all are published", || async { published(db).await == 200 }).await;
    // What is published now is heard here as well.
    let before = heard.load(Ordering::SeqCst);
    change_and_commit(db, objects[0]).await;
    eventually("the listener hears", || async { heard.load(Ordering::SeqCst) > before }).await;
    eventually("it is healthy again", || async { process.transport.check().await.is_ok() }).await;
}

#[tokio::test]
async fn what_the_broker_has_not_confirmed_is_published_again() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let (proxy, url) = Proxy::to(&exchange.broker.url).await;
    let publisher = RabbitMq::new(&RabbitMqConfig { url: url.into(), ..exchange.config() }).unwrap();
    publisher.expect("test.on_change", &["object.changed"]);
    let _relay = Running::start(db, publisher);
    let object = create_object(db).await;
    change_and_commit(db, object).await;
    eventually("the first is confirmed", || async { published(db).await == 1 }).await;

    proxy.mute(true);
    change_and_commit(db, object).await;
    let process = exchange.process(vec![consumer(db, |_| Ok(()))]);
    eventually("the broker has both", || async { effects(db, object).await == [1, 2] }).await;
    assert_eq!(published(db).await, 1, "nobody said that the second is safe");
    let before = proxy.connections();
    proxy.mute(false);
    proxy.cut();
    eventually("the second is published again", || async { published(db).await == 2 }).await;
    assert!(proxy.connections() > before);
    change_and_commit(db, object).await;
    eventually("the third follows", || async { effects(db, object).await.ends_with(&[3]) }).await;
    assert_eq!(effects(db, object).await, [1, 2, 3]);
    process.stop().await;
}

#[tokio::test]
async fn a_queue_that_was_deleted_is_made_again_before_anything_is_lost() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let publisher = RabbitMq::new(&exchange.config()).unwrap();
    publisher.expect("test.on_change", &["object.changed"]);
    let _relay = Running::start(db, publisher);
    let object = create_object(db).await;
    change_and_commit(db, object).await;
    eventually("the first is confirmed", || async { published(db).await == 1 }).await;
    let channel = exchange.connect().await.create_channel().await.unwrap();
    let queue = format!("{}.test.on_change", exchange.broker.exchange);
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    change_and_commit(db, object).await;
    let _process = exchange.process(vec![consumer(db, |_| Ok(()))]);
    eventually("the second is handled", || async { effects(db, object).await == [2] }).await;
}

#[tokio::test]
async fn a_call_that_was_lost_is_made_again_when_a_consumer_begins() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let object = create_object(db).await;
    // The process dies after it has put the event aside: there is a letter, and no call.
    let fails_once = consumer(db, |_| Err(ConsumeError::failed("not yet")));
    let unreachable = RabbitMqConfig { retry_ms: [60_000_000; 4], ..exchange.config() };
    let process = Process::start(&unreachable, vec![fails_once]);
    let _relay = Running::start(db, process.transport.clone());
    change_and_commit(db, object).await;
    change_and_commit(db, object).await;
    eventually("both are aside", || async { count(db, "dead_letters").await == 2 }).await;
    drop(process);
    let _process = exchange.process(vec![consumer(db, |_| Ok(()))]);
    eventually("both are handled", || async { effects(db, object).await == [1, 2] }).await;
    assert_eq!(count(db, "dead_letters").await, 0);
}

#[tokio::test]
async fn a_message_that_nobody_can_read_goes_to_the_dead_and_the_next_is_handled() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let exchange = TestExchange::new();
    let process = exchange.process(vec![consumer(db, |_| Ok(()))]);
    eventually("it consumes", || async { process.transport.check().await.is_ok() }).await;
    let channel = exchange.connect().await.create_channel().await.unwrap();
    let (name, kind) = (exchange.broker.exchange.as_str(), "object.changed");
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish(name.into(), kind.into(), options, b"no JSON", properties).await.unwrap();
    eventually("it is with the dead", || async { exchange.dead().await == 1 }).await;
    let object = create_object(db).await;
    let _relay = Running::start(db, process.transport.clone());
    change_and_commit(db, object).await;
    eventually("the next is handled", || async { effects(db, object).await == [1] }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_ends_and_comes_back_with_what_it_had_has_lost_nothing() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let mut broker = PrivateBroker::start().await;
    let config =
        RabbitMqConfig { url: broker.url().into(), retry_ms: [50, 100, 200, 400], ..RabbitMqConfig::default() };
    let process = Process::start(&config, vec![consumer(db, |_| Ok(()))]);
    let _relay = Running::start(db, process.transport.clone());
    let objects = create_objects(db, 5).await;
    let writer = tokio::spawn(write(db.clone(), objects.clone(), 60));
    eventually("some are handled", || async { count(db, "effects").await >= 30 }).await;
    broker.stop().await;
    broker.restart().await;
    eventually("more are handled", || async { count(db, "effects").await >= 120 }).await;
    broker.kill().await;
    broker.restart().await;
    writer.await.unwrap();
    each_in_order(db, &objects, 60).await;
    assert_eq!(count(db, "dead_letters").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_only_a_broker_with_a_certificate_of_the_authority_is_spoken_to() {
    let test = TestDb::new(&SCHEMA).await;
    let db = test.db();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ours = authority.issue("rabbitmq");
    let broker = PrivateBroker::start_with_tls(&ours).await;
    let trusting = |authority| RabbitMqConfig { url: broker.url().into(), authority, ..RabbitMqConfig::default() };
    let process = Process::start(&trusting(Some(ours.authority.clone())), vec![consumer(db, |_| Ok(()))]);
    let _relay = Running::start(db, process.transport.clone());
    let objects = create_objects(db, 2).await;
    write(db.clone(), objects.clone(), 3).await;
    each_in_order(db, &objects, 3).await;

    let batch = messaging::log::published_after(db, 0, 1).await.unwrap();
    for authority in [Some(stranger.issue("stranger").authority), None] {
        let refused = RabbitMq::new(&trusting(authority)).unwrap().publish(&batch).await.unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    }
}

#[test]
fn an_authority_for_an_address_without_tls_is_refused() {
    let authority = Some(Authority::new().issue("rabbitmq").authority);
    let config = RabbitMqConfig { url: "amqp://127.0.0.1".into(), authority, ..RabbitMqConfig::default() };
    let refused = RabbitMq::new(&config).err().unwrap();
    assert_eq!(refused.to_string(), "rabbitmq.authority is set, but rabbitmq.url is not amqps://");
}
