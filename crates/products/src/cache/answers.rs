//! Answers in memory.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use metrics::{Counter, counter};
use runtime::cache::CacheConfig;

use super::changes::{Changes, Stamp, Tag};

/// What an entry costs beside its key and body.
const OVERHEAD_BYTES: usize = 256;
/// How often a caller waits for somebody else's load before loading for itself.
const SHARED_LOADS: u32 = 3;

/// A value made from one thing only, kept until that changes.
pub struct Kept<V> {
    source: [u32; 1],
    value: Mutex<Option<(Stamp, Arc<V>)>>,
}

impl<V> Kept<V> {
    /// Nothing yet, made from `tag`.
    pub fn new(tag: Tag) -> Self {
        Self { source: [tag.mark()], value: Mutex::default() }
    }

    /// The value, if it is there and good.
    pub fn get(&self, changes: &Changes) -> Option<Arc<V>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, value) = value.as_ref()?;
        changes.unchanged(&self.source, *stamp).then(|| Arc::clone(value))
    }

    /// Keeps a value whose loading began at `stamp`.
    pub fn keep(&self, stamp: Stamp, value: Arc<V>) {
        let mut kept = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(before, _)| *before <= stamp) {
            *kept = Some((stamp, value));
        }
    }
}

/// A whole answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// The body.
    pub body: Bytes,
    /// Its entity tag, with the quotes.
    pub etag: http::HeaderValue,
    marks: Box<[u32]>,
    stamp: Stamp,
}

impl Answer {
    /// An answer made from what `marks` are of, whose making began at `stamp`.
    pub fn new(body: &Bytes, marks: Box<[u32]>, stamp: Stamp) -> Self {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(body);
        let etag = http::HeaderValue::from_str(&format!("\"{hash:016x}\""));
        // Hexadecimal digits and quotes are always a header value.
        let etag = etag.unwrap_or_else(|_| http::HeaderValue::from_static("\"0\""));
        // What grew while it was written has room that nobody needs, often as much again.
        Self { body: Bytes::copy_from_slice(body), etag, marks, stamp }
    }

    /// What it was made from.
    pub fn marks(&self) -> &[u32] {
        &self.marks
    }

    /// Whether it shows all changes until now.
    pub fn has_all(&self, changes: &Changes) -> bool {
        changes.unchanged(&self.marks, self.stamp)
    }
}

/// Answers to whole requests, by the request as it came.
pub struct Answers {
    entries: moka::future::Cache<Bytes, Arc<Answer>>,
    hits: Counter,
    misses: Counter,
}

impl Answers {
    /// An empty cache.
    pub fn new(config: &CacheConfig) -> Self {
        let entries = moka::future::Cache::builder()
            .name("products")
            .max_capacity(config.max_bytes)
            .time_to_live(Duration::from_secs(config.ttl_seconds))
            .weigher(|key: &Bytes, answer: &Arc<Answer>| {
                let marks = size_of_val(&*answer.marks);
                u32::try_from(key.len() + answer.body.len() + marks + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .build();
        let hits = counter!("cache_hits_total", "cache" => "products", "level" => "memory");
        let misses = counter!("cache_misses_total", "cache" => "products", "level" => "memory");
        Self { entries, hits, misses }
    }

    /// The answer to `request`, if it is there and good.
    pub async fn get(&self, request: &Bytes, changes: &Changes) -> Option<Arc<Answer>> {
        let answer = self.entries.get(request).await.filter(|answer| answer.has_all(changes))?;
        self.hits.increment(1);
        Some(answer)
    }

    /// The answer to `request`, made by `load` if there is no good one. Of all who ask at once one loads, unless a change
    /// comes while they wait: then nobody gets what was read before it. Errors are not kept.
    pub async fn get_or_load<E, F>(
        &self,
        request: &Bytes,
        changes: &Changes,
        load: impl Fn() -> F,
    ) -> Result<Arc<Answer>, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Answer, E>>,
    {
        self.misses.increment(1);
        for _ in 0..SHARED_LOADS {
            let asked = changes.now();
            let loading = self.entries.try_get_with_by_ref(request, async { load().await.map(Arc::new) });
            let answer = loading.await?;
            // What changed after this caller asked may be missing in the answer; what changed before must not be.
            if answer.stamp >= asked || answer.has_all(changes) {
                return Ok(answer);
            }
            self.entries.invalidate(request).await;
        }
        load().await.map(Arc::new).map_err(Arc::new)
    }
}
