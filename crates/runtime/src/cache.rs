//! A bounded in-memory cache: one load for all who ask at once, a time to live, a size in bytes.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};
use moka::notification::RemovalCause;
use serde::{Deserialize, Serialize};

/// What an entry costs beside its key and value: hash table, queues, counters.
const OVERHEAD_BYTES: usize = 128;
/// How many counters notice invalidations. Keys share them; sharing one only costs a load that is not kept.
const STRIPES: usize = 1024;

/// How much a cache holds and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Bytes of keys and values, at most. 0 turns the cache off.
    pub max_bytes: u64,
    /// Seconds after which an entry is loaded again even if no event said so.
    pub ttl_seconds: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_bytes: 16 * 1024 * 1024, ttl_seconds: 300 }
    }
}

/// A cache of `V` by text keys. Clones share it. `V` is cloned on every hit: make it an `Arc` or `Bytes`.
pub struct Cache<V> {
    entries: moka::future::Cache<String, V>,
    invalidations: Arc<Invalidations>,
    metrics: Arc<CacheMetrics>,
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        let Self { entries, invalidations, metrics } = self;
        Self { entries: entries.clone(), invalidations: invalidations.clone(), metrics: metrics.clone() }
    }
}

/// Why a load left nothing in the cache.
enum NotKept<V, E> {
    /// The key was invalidated while it was loaded: the value is good for those who already wait, for nobody else.
    Stale(V),
    Failed(E),
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    /// A cache called `name` in the metrics. `weigh` says how many bytes a value holds.
    pub fn new(name: &'static str, config: &CacheConfig, weigh: fn(&V) -> usize) -> Self {
        let evictions = counter!("cache_evictions_total", "cache" => name);
        let entries = moka::future::Cache::builder()
            .name(name)
            .max_capacity(config.max_bytes)
            .time_to_live(Duration::from_secs(config.ttl_seconds))
            .weigher(move |key: &String, value| {
                u32::try_from(key.len() + weigh(value) + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    evictions.increment(1);
                }
            })
            .build();
        Self { entries, invalidations: Arc::default(), metrics: Arc::new(CacheMetrics::new(name)) }
    }

    /// The value under `key`, loaded by `load` if it isn't there. Of all who ask at once, one loads and the others get
    /// its answer, be it a value or an error. Errors are not kept.
    pub async fn get_with<E>(&self, key: &str, load: impl Future<Output = Result<V, E>>) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        let mut loaded_since = None;
        let invalidations = self.invalidations.of(key);
        let outcome = self.entries.try_get_with_by_ref(key, async {
            let before = invalidations.load(Ordering::SeqCst);
            loaded_since = Some(before);
            let value = load.await.map_err(NotKept::Failed)?;
            if invalidations.load(Ordering::SeqCst) == before { Ok(value) } else { Err(NotKept::Stale(value)) }
        });
        let outcome = outcome.await;
        match loaded_since {
            None => self.metrics.hits.increment(1),
            Some(before) => {
                self.metrics.misses.increment(1);
                // The invalidation may also have come between the look above and the insertion.
                if invalidations.load(Ordering::SeqCst) != before {
                    self.entries.invalidate(key).await;
                }
                self.metrics.measure(self.entries.weighted_size(), self.entries.entry_count());
            }
        }
        outcome.or_else(|not_kept| match &*not_kept {
            NotKept::Stale(value) => Ok(value.clone()),
            NotKept::Failed(error) => Err(error.clone()),
        })
    }

    /// Forgets `key`. A load that runs meanwhile is not kept, since it may have read the old state.
    pub async fn invalidate(&self, key: &str) {
        self.invalidations.of(key).fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(key).await;
        self.metrics.measure(self.entries.weighted_size(), self.entries.entry_count());
    }
}

/// Counts of invalidations by hash of the key.
struct Invalidations {
    stripes: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for Invalidations {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl Invalidations {
    fn of(&self, key: &str) -> &AtomicU64 {
        // The remainder is below STRIPES, so it fits any usize.
        #[expect(clippy::cast_possible_truncation)]
        let stripe = (self.hasher.hash_one(key) % STRIPES as u64) as usize;
        &self.stripes[stripe]
    }
}

struct CacheMetrics {
    hits: Counter,
    misses: Counter,
    bytes: Gauge,
    entries: Gauge,
}

impl CacheMetrics {
    fn new(name: &'static str) -> Self {
        Self {
            hits: counter!("cache_hits_total", "cache" => name),
            misses: counter!("cache_misses_total", "cache" => name),
            bytes: gauge!("cache_bytes", "cache" => name),
            entries: gauge!("cache_entries", "cache" => name),
        }
    }

    #[expect(clippy::cast_precision_loss)] // Caches stay far below 2^52 bytes.
    fn measure(&self, bytes: u64, entries: u64) {
        self.bytes.set(bytes as f64);
        self.entries.set(entries as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    fn cache() -> Cache<Arc<str>> {
        Cache::new("test", &CacheConfig::default(), |value| value.len())
    }

    async fn put(cache: &Cache<Arc<str>>, key: &str, value: &str) -> Arc<str> {
        cache.get_with(key, async { Ok::<_, Infallible>(value.into()) }).await.unwrap()
    }

    #[tokio::test]
    async fn all_who_ask_at_once_share_one_load() {
        let (cache, loads) = (cache(), AtomicUsize::new(0));
        let ask = || {
            cache.get_with("hat", async {
                loads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok::<_, Infallible>("a hat".into())
            })
        };
        let answers = join_all((0..50).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| answer.as_deref() == Ok("a hat")));
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_error_reaches_the_caller_and_is_not_kept() {
        let cache = cache();
        let failed = cache.get_with("hat", async { Err::<Arc<str>, _>("database away") }).await;
        assert_eq!(failed, Err("database away"));
        assert_eq!(&*put(&cache, "hat", "a hat").await, "a hat");
    }

    #[tokio::test]
    async fn an_invalidated_key_is_loaded_again() {
        let cache = cache();
        put(&cache, "hat", "old").await;
        assert_eq!(&*put(&cache, "hat", "ignored while the old one is kept").await, "old");
        cache.invalidate("hat").await;
        assert_eq!(&*put(&cache, "hat", "new").await, "new");
    }

    #[tokio::test]
    async fn a_load_overtaken_by_an_invalidation_is_not_kept() {
        let cache = cache();
        let (go_on, wait) = oneshot::channel();
        let (started, has_started) = oneshot::channel();
        let slow = tokio::spawn({
            let cache = cache.clone();
            async move {
                let load = async {
                    started.send(()).unwrap();
                    wait.await.unwrap();
                    Ok::<Arc<str>, Infallible>("old".into())
                };
                cache.get_with("hat", load).await
            }
        });
        has_started.await.unwrap();
        cache.invalidate("hat").await;
        go_on.send(()).unwrap();
        assert_eq!(&*slow.await.unwrap().unwrap(), "old");
        assert_eq!(&*put(&cache, "hat", "new").await, "new");
    }

    #[tokio::test]
    async fn the_cache_stays_within_its_bytes() {
        let config = CacheConfig { max_bytes: 10_000, ..CacheConfig::default() };
        let cache = Cache::<Arc<str>>::new("test", &config, |value| value.len());
        for n in 0..500 {
            put(&cache, &n.to_string(), &"x".repeat(1000)).await;
        }
        cache.entries.run_pending_tasks().await;
        assert!(cache.entries.weighted_size() <= 10_000);
        assert!(cache.entries.entry_count() > 0);
    }
}
