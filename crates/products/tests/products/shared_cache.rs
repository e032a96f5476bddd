//! Several instances of the role, over one database and one Redis: they share answers, and none of them is old.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use messaging::{InProcess, Relay, Transport};
use products::Config;
use runtime::Tasks;
use runtime::redis::{Redis, RedisConfig};
use serde_json::json;
use test_kit::{PrivateRedis, TestDb};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::support::Shop;

const STOCK: &str = "{ product(slug: \"board\") { inventoryCount } }";

/// Instances of the role, whose events reach all of them once [`Instances::tell_events`] is called.
struct Instances {
    db: TestDb,
    redis: RedisConfig,
    events: InProcess,
    tasks: Tasks,
}

impl Instances {
    /// Over the Redis that is there, or over that of all tests. On a busy machine it may take long to answer.
    async fn open(private: Option<&PrivateRedis>) -> Self {
        let (url, timeout_ms) = match private {
            Some(server) => (server.url(), 50),
            None => (test_kit::redis::shared_url(), 10_000),
        };
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let redis = RedisConfig { url: url.into(), prefix, timeout_ms, ..RedisConfig::default() };
        Self { db: TestDb::new(&products::SCHEMA).await, redis, events: InProcess::new(), tasks: Tasks::new() }
    }

    /// One more, that knows nothing yet.
    fn start(&self) -> Shop {
        let redis = Redis::new(&self.redis).unwrap();
        let shop = Shop::instance(self.db.db().clone(), &Config::default(), redis);
        products::jobs::start(&shop.products, &self.tasks);
        products::consumers::subscribe(&shop.products, &self.events);
        shop
    }

    /// A writer that tells nobody: as one who dies right after its commit.
    fn start_mute(&self) -> Shop {
        Shop::over(self.db.db().clone(), &Config::default())
    }

    fn tell_events(&self) {
        relay(&self.db, &self.tasks, Arc::new(self.events.clone()));
    }

    /// Changes the table behind the role's back, so that an answer tells whether it was kept.
    async fn set_behind_the_back(&self, count: i64) {
        let set = sqlx::query("UPDATE products SET inventory_count = $1").bind(count);
        set.execute(self.db.owner()).await.unwrap();
    }

    /// Returns when `there` gets from Redis what `here` has loaded. The table is left as it was.
    async fn until_shared(&self, here: &Shop, there: &Shop) {
        let truth = count_in_table(self).await;
        for round in 0.. {
            let probe = format!("{{ probe{round}: product(slug: \"board\") {{ inventoryCount }} }}");
            let loaded = here.ask(&probe).await;
            self.set_behind_the_back(round + 1_000).await;
            let is_shared = there.ask(&probe).await == loaded;
            self.set_behind_the_back(truth).await;
            if is_shared {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) {
        self.tasks.shutdown(Duration::from_secs(10)).await.unwrap();
    }
}

fn relay(db: &TestDb, tasks: &Tasks, transport: Arc<dyn Transport>) {
    let (relay, stop) = (Relay::new(db.db().clone(), transport), tasks.shutdown_token());
    tasks.spawn("relay", async move {
        relay.run(stop).await;
        Ok::<_, std::convert::Infallible>(())
    });
}

async fn count(shop: &Shop) -> i64 {
    shop.ask(STOCK).await["product"]["inventoryCount"].as_i64().unwrap()
}

async fn until_count(shop: &Shop, wanted: i64) {
    while count(shop).await != wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn one_instance_gives_what_another_has_loaded_and_a_new_one_starts_warm() {
    let all = Instances::open(None).await;
    let (one, two) = (all.start(), all.start());
    one.product("board", 100, 5).await;
    all.until_shared(&one, &two).await;
    assert_eq!(count(&one).await, 5);
    all.set_behind_the_back(4).await;
    assert_eq!(count(&two).await, 5, "not loaded again");
    let three = all.start();
    let list = "{ products { nodes { inventoryCount } } }";
    let listed = one.ask(list).await;
    all.set_behind_the_back(3).await;
    // It reads first up to which event the others know of everything.
    all.until_shared(&two, &three).await;
    assert_eq!((count(&three).await, three.ask(list).await), (5, listed));
    all.end().await;
}

#[tokio::test]
async fn a_change_that_one_instance_has_answered_is_seen_by_all() {
    let all = Instances::open(None).await;
    let (one, two) = (all.start(), all.start());
    let (_, variant) = one.product("board", 100, 5).await;
    all.until_shared(&one, &two).await;
    for on_hand in 10..40 {
        let (writer, reader) = if on_hand % 2 == 0 { (&one, &two) } else { (&two, &one) };
        // In its memory, to be sure.
        reader.ask(STOCK).await;
        writer.set_stock(variant, on_hand).await;
        assert_eq!(count(reader).await, on_hand);
    }
    all.end().await;
}

/// Readers and writers of all instances at once: whoever asks after a change has been answered sees it or a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn by_no_instance_is_read_what_was_there_before_an_answered_change() {
    const ROUNDS: i64 = 40;
    let all = Instances::open(None).await;
    all.tell_events();
    let shops = [all.start(), all.start()];
    let (_, variant) = shops[0].product("board", 100, 0).await;
    let answered = AtomicI64::new(0);
    let write = async {
        for on_hand in 1..=ROUNDS {
            shops[usize::try_from(on_hand % 2).unwrap()].set_stock(variant, on_hand).await;
            answered.store(on_hand, Ordering::SeqCst);
        }
    };
    let read = async |shop: &Shop| {
        while answered.load(Ordering::SeqCst) < ROUNDS {
            let before = answered.load(Ordering::SeqCst);
            let seen = count(shop).await;
            assert!(seen >= before, "read {seen} after {before} was answered");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(write, join_all((0..6).map(|reader| read(&shops[reader % 2]))));
    assert_eq!((count(&shops[0]).await, count(&shops[1]).await), (ROUNDS, ROUNDS));
    drop(shops);
    all.end().await;
}

/// Another process that is stopped: its tasks and its memory stand still, while its clock goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_was_frozen_holds_nobody_up_for_long_and_gives_nothing_old_when_it_goes_on() {
    let all = Instances::open(None).await;
    let one = all.start();
    let (_, variant) = one.product("board", 100, 5).await;
    let (loaded, has_loaded) = oneshot::channel();
    let (thaw, thawed) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let all = &all;
        let frozen = scope.spawn(move || {
            let process = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            process.block_on(async {
                let two = all.start();
                all.until_shared(&one, &two).await;
                assert_eq!(count(&two).await, 5);
                loaded.send(one).ok().unwrap();
                thawed.recv().unwrap();
                count(&two).await
            })
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let one = has_loaded.await.unwrap();
                one.set_stock(variant, 6).await;
                assert_eq!(count(&one).await, 6);
            });
        });
        thaw.send(()).unwrap();
        assert_eq!(frozen.join().unwrap(), 6);
    });
    all.end().await;
}

#[tokio::test]
async fn what_a_dead_writer_did_not_tell_its_event_does_also_to_who_was_not_there() {
    let all = Instances::open(None).await;
    let (one, mute) = (all.start(), all.start_mute());
    let (_, variant) = one.product("board", 100, 5).await;
    let two = all.start();
    all.until_shared(&one, &two).await;
    assert_eq!((count(&one).await, count(&two).await), (5, 5));
    mute.set_stock(variant, 4).await;
    // Published to processes of which none is there.
    let elsewhere = Tasks::new();
    relay(&all.db, &elsewhere, Arc::new(InProcess::new()));
    let last = || async { messaging::log::last_sequence(all.db.db()).await.unwrap() };
    while last().await < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    elsewhere.shutdown(Duration::from_secs(10)).await.unwrap();
    let three = all.start();
    until_count(&three, 4).await;
    // And to those who are there.
    all.tell_events();
    mute.set_stock(variant, 3).await;
    for shop in [&one, &two, &three] {
        until_count(shop, 3).await;
    }
    all.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_frozen_or_empty_is_no_error_and_leaves_nothing_old() {
    let mut server = PrivateRedis::start();
    let all = Instances::open(Some(&server)).await;
    all.tell_events();
    let (one, two) = (all.start(), all.start());
    let (_, variant) = one.product("board", 100, 5).await;
    all.until_shared(&one, &two).await;
    let mut on_hand = 10;
    let mut change = async || {
        on_hand += 1;
        one.set_stock(variant, on_hand).await;
        assert_eq!(count(&one).await, on_hand, "who answered the change knows of it at once");
        // Without Redis the event tells.
        until_count(&two, on_hand).await;
        on_hand
    };
    change().await;
    server.flush();
    change().await;
    server.freeze();
    change().await;
    server.thaw();
    change().await;
    // What it holds when it is killed is true then, and is not when it is back.
    server.save();
    server.kill();
    change().await;
    server.restart();
    let last = change().await;
    for _ in 0..20 {
        let three = all.start();
        assert_eq!(count(&three).await, last);
    }
    all.until_shared(&one, &two).await;
    all.end().await;
}

#[tokio::test]
async fn a_redis_that_comes_back_with_an_old_snapshot_brings_no_answer_back() {
    let mut server = PrivateRedis::start();
    let all = Instances::open(Some(&server)).await;
    let (one, two) = (all.start(), all.start());
    let (_, variant) = one.product("board", 100, 5).await;
    all.until_shared(&one, &two).await;
    one.set_stock(variant, 6).await;
    assert_eq!((count(&one).await, count(&two).await), (6, 6));
    server.save();
    one.set_stock(variant, 7).await;
    server.kill();
    server.restart();
    let three = all.start();
    for _ in 0..50 {
        assert_eq!(count(&three).await, 7);
        tokio::task::yield_now().await;
    }
    all.until_shared(&two, &three).await;
    assert_eq!(
        three.ask(&format!("{STOCK} ")).await,
        json!({ "product": { "inventoryCount": count_in_table(&all).await } })
    );
    all.end().await;
}

async fn count_in_table(all: &Instances) -> i64 {
    sqlx::query_scalar::<_, i64>("SELECT inventory_count FROM products").fetch_one(all.db.owner()).await.unwrap()
}
