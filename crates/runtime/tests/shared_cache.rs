//! Answers in Redis, over a real server: what changed meanwhile is neither given nor kept.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use runtime::Tasks;
use runtime::cache::{Looked, Moment, SharedCache, SharedCacheConfig};
use runtime::redis::{Redis, RedisConfig};
use test_kit::PrivateRedis;

const REQUEST: &[u8] = b"the price of a hat";

/// An instance that listens, on a server that is there only for this test.
struct Instance {
    cache: Arc<SharedCache>,
    tasks: Tasks,
}

impl Instance {
    async fn start(server: &PrivateRedis) -> Self {
        let config = RedisConfig { url: server.url().into(), timeout_ms: 10_000, ..RedisConfig::default() };
        let redis = Redis::new(&config).unwrap().unwrap();
        let cache = Arc::new(SharedCache::new(redis, "test", &SharedCacheConfig::default(), |_| {}));
        let tasks = Tasks::new();
        cache.start(&tasks);
        assert!(cache.open(0, false).await);
        Self { cache, tasks }
    }

    /// The moment before a load of what nobody has kept, once this instance listens.
    async fn missing(&self) -> Moment {
        loop {
            match self.cache.find(REQUEST).await {
                Looked::Missing(moment) => return moment,
                Looked::Unknown | Looked::Closed => tokio::task::yield_now().await,
                Looked::Found(found) => panic!("{found:?} was kept"),
            }
        }
    }

    async fn change(&self, marks: &[u32]) {
        self.cache.tell(self.cache.note(marks)).await;
    }

    async fn finds(&self, body: &[u8]) -> bool {
        matches!(self.cache.find(REQUEST).await, Looked::Found(found) if found.body == body)
    }

    async fn end(self) {
        self.tasks.shutdown(Duration::from_secs(10)).await.unwrap();
    }
}

#[tokio::test]
async fn a_load_overtaken_by_a_change_is_not_kept_and_another_is() {
    let server = PrivateRedis::start();
    let (one, two) = (Instance::start(&server).await, Instance::start(&server).await);
    let began = one.missing().await;
    two.change(&[1, 7]).await;
    one.cache.keep(REQUEST, &began, &[1, 2], b"old").await;
    let began = one.missing().await;
    two.change(&[7]).await;
    one.cache.keep(REQUEST, &began, &[1, 2], b"new").await;
    assert!(one.finds(b"new").await && two.finds(b"new").await, "what it was made from has not changed since");
    two.change(&[2]).await;
    one.missing().await;
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn what_was_kept_ends_with_the_memory_of_the_server() {
    let mut server = PrivateRedis::start();
    let one = Instance::start(&server).await;
    let began = one.missing().await;
    one.cache.keep(REQUEST, &began, &[1], b"kept").await;
    assert!(one.finds(b"kept").await);
    // The same counts and answers again, in another life of the server.
    server.save();
    server.kill();
    server.restart();
    while !one.cache.open(0, false).await {
        tokio::task::yield_now().await;
    }
    one.missing().await;
    one.cache.keep(REQUEST, &began, &[1], b"kept").await;
    one.missing().await;
    one.end().await;
}
