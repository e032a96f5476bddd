//! What is kept of the catalog in memory, and how it is known to be out of date.
//!
//! An entry remembers what it was made from, as [`Tag`]s, and when its loading began, as a [`Stamp`]. A change marks its
//! tags with a later stamp. An entry with a tag marked later than its own stamp is not used. So a change between the
//! reading and the keeping of an answer cannot leave an old answer behind, and nothing has to be searched for and removed.
//!
//! Changes are marked twice: by the operation, after its commit and before its answer, so that whoever made a change sees
//! it; and by its event, in every process.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use metrics::{Counter, counter};
use runtime::cache::CacheConfig;
use uuid::Uuid;

/// How many marks there are. Tags share them; sharing one only costs a load too many.
const MARKS: u64 = 16_384;
/// What an entry costs beside its key and body.
const OVERHEAD_BYTES: usize = 256;
/// How often a caller waits for somebody else's load before loading for itself.
const SHARED_LOADS: u32 = 3;

/// What an answer was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// A product with its variants, prices and pictures.
    Product(Uuid),
    /// How much of a product there is.
    Stock(Uuid),
    /// Which products there are, and their order.
    Listing,
    /// Which products can be sold; it gains one when a level comes above zero.
    Sellable,
    /// Which products are sold out; it gains one when a level comes to zero.
    SoldOut,
    /// The categories.
    Categories,
}

/// A point in the order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

/// When each tag last changed.
pub struct Changes {
    count: AtomicU64,
    marks: Box<[AtomicU64]>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { count: AtomicU64::new(0), marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Changes {
    /// Now. Take it before reading what is to be kept.
    pub fn now(&self) -> Stamp {
        Stamp(self.count.load(Ordering::SeqCst))
    }

    /// Marks what changed. Call it when the change is committed.
    pub fn mark(&self, tags: impl IntoIterator<Item = Tag>) {
        for tag in tags {
            let stamp = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            self.marks[mark_of(tag)].fetch_max(stamp, Ordering::SeqCst);
        }
    }

    /// Whether `answer` shows all changes until now.
    pub fn are_all_in(&self, answer: &Answer) -> bool {
        self.unchanged(&answer.sources, answer.stamp)
    }

    /// Whether nothing that `sources` name has changed since `stamp`.
    fn unchanged(&self, sources: &[usize], stamp: Stamp) -> bool {
        sources.iter().all(|mark| self.marks[*mark].load(Ordering::SeqCst) <= stamp.0)
    }
}

fn mark_of(tag: Tag) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(tag);
    // Below MARKS, so it fits any usize.
    usize::try_from(hash % MARKS).unwrap_or(0)
}

/// Gathers what an answer is made from while it is made.
#[derive(Default)]
pub struct Sources(Mutex<Vec<usize>>);

impl Sources {
    /// The answer depends on these.
    pub fn note(&self, tags: impl IntoIterator<Item = Tag>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(tags.into_iter().map(mark_of));
    }

    fn marks(&self) -> Box<[usize]> {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        marks.sort_unstable();
        marks.dedup();
        marks.into()
    }
}

/// A value made from one thing only, kept until that changes.
pub struct Kept<V> {
    source: [usize; 1],
    value: Mutex<Option<(Stamp, Arc<V>)>>,
}

impl<V> Kept<V> {
    /// Nothing yet, made from `tag`.
    pub fn new(tag: Tag) -> Self {
        Self { source: [mark_of(tag)], value: Mutex::default() }
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
    sources: Box<[usize]>,
    stamp: Stamp,
}

impl Answer {
    /// An answer made from `sources`, whose making began at `stamp`.
    pub fn new(body: &Bytes, sources: &Sources, stamp: Stamp) -> Self {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(body);
        let etag = http::HeaderValue::from_str(&format!("\"{hash:016x}\""));
        // Hexadecimal digits and quotes are always a header value.
        let etag = etag.unwrap_or_else(|_| http::HeaderValue::from_static("\"0\""));
        // What grew while it was written has room that nobody needs, often as much again.
        Self { body: Bytes::copy_from_slice(body), etag, sources: sources.marks(), stamp }
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
                let sources = size_of_val(&*answer.sources);
                u32::try_from(key.len() + answer.body.len() + sources + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .build();
        let hits = counter!("cache_hits_total", "cache" => "products");
        let misses = counter!("cache_misses_total", "cache" => "products");
        Self { entries, hits, misses }
    }

    /// The answer to `request`, if it is there and good.
    pub async fn get(&self, request: &Bytes, changes: &Changes) -> Option<Arc<Answer>> {
        let answer =
            self.entries.get(request).await.filter(|answer| changes.unchanged(&answer.sources, answer.stamp))?;
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
            if answer.stamp >= asked || changes.unchanged(&answer.sources, answer.stamp) {
                return Ok(answer);
            }
            self.entries.invalidate(request).await;
        }
        load().await.map(Arc::new).map_err(Arc::new)
    }
}
