//! The answers in Redis, which all instances of the role share.
//!
//! What is told of changes, and who waits for whom, is `runtime::cache::shared`. Here the role's events are added: they
//! are heard in order, and after a gap in them, or when Redis was away, the log is read from where they were heard up to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kernel::Currency;
use metrics::{Counter, counter};
use pg::Db;
use runtime::cache::shared::{Heard, Looked, Moment, SharedCache, SharedCacheConfig, Untold};
use runtime::redis::Redis;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::answers::Answer;
use super::changes::Changes;
use crate::consumers::marks_of;

/// Events that are read from the log at once. Who is more behind begins anew.
const PAGE: u32 = 1_000;
/// How long to wait before the log is read again, or Redis asked, after it failed.
const PAUSE: Duration = Duration::from_millis(250);

/// The answers in Redis.
pub struct Shared {
    level: Arc<SharedCache>,
    /// Begins every request's name: what is not the same for two instances keeps their answers apart.
    kind: Bytes,
    /// Events that are to be heard.
    events: Mutex<Vec<(i64, Untold)>>,
    /// How often it was noticed that events may have passed by, and up to which of these the log was read since.
    gaps: AtomicU64,
    mended: AtomicU64,
    needed: Notify,
    hits: Counter,
    misses: Counter,
}

impl Shared {
    /// The answers in `redis`. What others tell is marked in `changes`.
    pub(crate) fn new(redis: Redis, config: &SharedCacheConfig, currency: Currency, changes: &Arc<Changes>) -> Self {
        use runtime::cache::Forget;
        let changes = Arc::clone(changes);
        let forget = move |what: Forget<'_>| match what {
            Forget::These(marks) => changes.mark(marks),
            Forget::All => changes.mark_all(),
        };
        Self {
            level: Arc::new(SharedCache::new(redis, "products", config, forget)),
            // Another release may answer the same request otherwise.
            kind: Bytes::from(format!("{} {} ", env!("CARGO_PKG_VERSION"), currency.as_str())),
            events: Mutex::default(),
            gaps: AtomicU64::new(1),
            mended: AtomicU64::new(0),
            needed: Notify::new(),
            hits: counter!("cache_hits_total", "cache" => "products", "level" => "shared"),
            misses: counter!("cache_misses_total", "cache" => "products", "level" => "shared"),
        }
    }

    /// What the answers are kept by.
    pub(crate) fn level(&self) -> &Arc<SharedCache> {
        &self.level
    }

    /// Looks for the answer to `request`.
    pub(crate) async fn find(&self, request: &Bytes) -> Looked {
        if self.gaps.load(Ordering::Acquire) != self.mended.load(Ordering::Acquire) {
            return Looked::Unknown;
        }
        let looked = self.level.find(&self.name_of(request)).await;
        match &looked {
            Looked::Found(_) => self.hits.increment(1),
            Looked::Missing(_) | Looked::Unknown => self.misses.increment(1),
            Looked::Closed => self.note_gap(),
        }
        looked
    }

    /// Keeps an answer whose making began at `moment`.
    pub(crate) async fn keep(&self, request: &Bytes, moment: &Moment, answer: &Answer) {
        self.level.keep(&self.name_of(request), moment, answer.marks(), &answer.body).await;
    }

    fn name_of(&self, request: &Bytes) -> Vec<u8> {
        [self.kind.as_ref(), request.as_ref()].concat()
    }

    /// Events may have passed by this process: nothing is taken from Redis until the log was read.
    pub(crate) fn note_gap(&self) {
        self.gaps.fetch_add(1, Ordering::AcqRel);
        self.needed.notify_one();
    }

    /// An event of the role was published.
    pub(crate) fn note_event(&self, sequence: i64, change: Untold) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push((sequence, change));
        self.needed.notify_one();
    }

    /// Hears events until told to stop.
    pub(crate) async fn follow(&self, db: &Db, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let work = async {
                if self.hear().await && self.mend(db).await {
                    self.needed.notified().await;
                } else {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            stop.run_until_cancelled(work).await;
        }
    }

    /// Hears the events that came. False: Redis is away.
    async fn hear(&self) -> bool {
        let events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        if events.is_empty() {
            return true;
        }
        let outcome = self.level.hear(events.iter().map(|(sequence, change)| (*sequence, change))).await;
        // What was noted stays so until it is told; the events themselves are read again.
        if outcome != Heard::All {
            self.note_gap();
        }
        outcome != Heard::Away
    }

    /// Hears of what may have passed by. False: that can't be done now.
    async fn mend(&self, db: &Db) -> bool {
        let gaps = self.gaps.load(Ordering::Acquire);
        if gaps == self.mended.load(Ordering::Acquire) {
            return true;
        }
        match self.catch_up(db).await {
            Ok(true) => {
                self.mended.store(gaps, Ordering::Release);
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(%error, "the log of products can't be read: nothing is taken from the shared cache");
                false
            }
        }
    }

    async fn catch_up(&self, db: &Db) -> Result<bool, sqlx::Error> {
        let Some(heard) = self.level.last_heard().await else { return Ok(false) };
        let Some(heard) = heard else {
            return Ok(self.level.open(messaging::log::last_sequence(db).await?, false).await);
        };
        let missed = messaging::log::published_after(db, heard, PAGE).await?;
        if u32::try_from(missed.len()) == Ok(PAGE) {
            return Ok(self.level.open(messaging::log::last_sequence(db).await?, true).await);
        }
        let missed = missed.iter().filter_map(|event| Some((event.sequence?, self.level.note(&marks_of(event)))));
        let missed: Vec<_> = missed.collect();
        if missed.is_empty() {
            return Ok(true);
        }
        let outcome = self.level.hear(missed.iter().map(|(sequence, change)| (*sequence, change))).await;
        Ok(matches!(outcome, Heard::All | Heard::Closed))
    }
}
