//! Answers in Redis, for all instances of a role.
//!
//! An answer is kept with the marks of what it was made from and with the [`Moment`] before its loading began. A change
//! marks what it touches with the moment after it. An answer with a mark later than its own moment is not given, and not
//! kept. Redis compares, in one step with reading or writing the answer, so there is no time in between.
//!
//! A change is told by who made it, after the commit and before the answer; and by its event, in order, so that a writer
//! who died in between leaves nothing untold: Redis knows up to which event all are heard. What this process could not
//! tell, it remembers and tells later; until then it takes nothing from Redis that was made from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::ConnectionManager;
use redis::{FromRedisValue, ScriptInvocation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::listeners::{Forget, Listeners};
use super::scripts::Scripts;
use crate::Tasks;
use crate::redis::Redis;

/// An answer made from more than this is not shared: comparing would hold up Redis.
const MAX_MARKS: usize = 2_000;

/// What is kept in Redis. Only used where `redis.url` is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedCacheConfig {
    /// Bytes of one answer, at most. 0 keeps none in Redis.
    pub max_entry_bytes: usize,
    /// Seconds after which an answer is loaded again even if nobody said so.
    pub ttl_seconds: u64,
}

impl Default for SharedCacheConfig {
    fn default() -> Self {
        Self { max_entry_bytes: 256 * 1024, ttl_seconds: 300 }
    }
}

/// A point in the order of changes that all instances share. Take it before reading what is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub(super) epoch: Arc<str>,
    pub(super) count: u64,
}

impl Moment {
    /// The earlier one of two; none if they can't be compared, because Redis lost its memory in between.
    pub fn or_before(self, other: Self) -> Option<Self> {
        (self.epoch == other.epoch).then_some(if other.count < self.count { other } else { self })
    }
}

/// A good answer.
#[derive(Clone, Debug)]
pub struct Found {
    /// The answer.
    pub body: Bytes,
    /// What it was made from.
    pub marks: Box<[u32]>,
}

/// What a look for an answer gives.
#[derive(Clone, Debug)]
pub enum Looked {
    /// A good answer.
    Found(Found),
    /// There is none. One whose loading begins now can be kept with this moment.
    Missing(Moment),
    /// Nobody has said yet which events need not be heard: see [`SharedCache::open`].
    Closed,
    /// Redis can't be used, or this process does not know enough. Load, and keep nothing.
    Unknown,
}

/// What became of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// They count.
    All,
    /// One before them was not heard: read them from the log.
    Missed,
    /// There is nothing yet that they could change.
    Closed,
    /// Redis can't be used.
    Away,
}

/// What was noted as changed, until it is told.
#[derive(Clone, Debug)]
pub struct Untold {
    marks: Box<[u32]>,
    at: u64,
}

/// Answers that all instances of a role share.
pub struct SharedCache {
    redis: Redis,
    config: SharedCacheConfig,
    name: &'static str,
    ground: String,
    scripts: Scripts,
    untold: Mutex<UntoldMarks>,
    listeners: Listeners,
}

#[derive(Default)]
struct UntoldMarks {
    /// When each was last noted.
    marks: HashMap<u32, u64>,
    count: u64,
}

impl SharedCache {
    /// The answers called `name`. `forget` is called when what this process has in its own memory is out of date.
    pub fn new(
        redis: Redis,
        name: &'static str,
        config: &SharedCacheConfig,
        forget: impl Fn(Forget<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            ground: redis.key(&format!("{name}:cache")),
            listeners: Listeners::new(&redis, name, forget),
            redis,
            config: config.clone(),
            name,
            scripts: Scripts::new(),
            untold: Mutex::default(),
        }
    }

    /// Listens to what other instances tell, until the process stops. Without it nothing is kept, only told.
    pub fn start(self: &Arc<Self>, tasks: &Tasks) {
        let (cache, stop) = (Arc::clone(self), tasks.shutdown_token());
        cache.listeners.begin();
        tasks.spawn("shared_cache", async move {
            cache.listeners.listen(&cache, &stop).await;
            Ok::<_, std::convert::Infallible>(())
        });
    }

    /// Whether what this process has in its own memory can be given: every change that was answered is known here. If this
    /// is not certain, waits a moment until it is. While Redis can't be used at all, events must do.
    pub async fn may_trust_memory(&self) -> bool {
        self.listeners.are_told(&self.redis).await
    }

    /// Looks for the answer to `request`.
    pub async fn find(&self, request: &[u8]) -> Looked {
        if self.config.max_entry_bytes == 0 {
            return Looked::Unknown;
        }
        let mut script = self.scripts.find.key(&self.ground);
        script.key(self.entry(request));
        let Some(told) = self.run::<Vec<Vec<u8>>>(script).await else { return Looked::Unknown };
        let mut told = told.into_iter();
        let Some(now) = told.next().zip(told.next()).and_then(|(epoch, count)| moment(&epoch, &count)) else {
            return Looked::Closed;
        };
        if let (Some(body), Some(marks)) = (told.next(), told.next())
            && let Ok(marks) = serde_json::from_slice::<Box<[u32]>>(&marks)
            && !self.is_untold(&marks)
        {
            return Looked::Found(Found { body: body.into(), marks });
        }
        // What is kept in memory goes into an answer too, and must not be older than its moment.
        if self.listeners.know(&now).await { Looked::Missing(now) } else { Looked::Unknown }
    }

    /// Keeps an answer that was made from `marks` and whose loading began at `moment`, unless one of them has changed since.
    pub async fn keep(&self, request: &[u8], moment: &Moment, marks: &[u32], body: &[u8]) {
        if body.len() > self.config.max_entry_bytes || marks.len() > MAX_MARKS {
            return;
        }
        // Numbers are always JSON.
        let marks = serde_json::to_string(marks).unwrap_or_default();
        let mut script = self.scripts.keep.key(&self.ground);
        script.key(self.entry(request)).arg(&*moment.epoch).arg(moment.count);
        script.arg(marks).arg(body).arg(self.config.ttl_seconds.saturating_mul(1000).max(1));
        // Without it the next one loads.
        let _ = self.run::<i64>(script).await;
    }

    /// Now, for what is read from a place that may be behind; none while nothing can be kept.
    pub async fn now(&self) -> Option<Moment> {
        let told: Vec<Vec<u8>> = self.run(self.scripts.look.key(&self.ground)).await?;
        moment(told.first()?, told.get(1)?)
    }

    /// Notes what has changed: from now on nothing made from it is taken from Redis, until it is told.
    pub fn note(&self, marks: &[u32]) -> Untold {
        let mut untold = self.untold();
        untold.count += 1;
        let at = untold.count;
        untold.marks.extend(marks.iter().map(|mark| (*mark, at)));
        Untold { marks: marks.into(), at }
    }

    /// Tells what was noted. Afterwards nobody gets an answer from Redis that was made before, and no other instance one
    /// from its memory. What does not get through is told later, without anybody waiting for it.
    pub async fn tell(&self, change: Untold) {
        let message = self.listeners.expect();
        let Some(listeners) = self.send(&change, message.number).await else { return };
        message.heard_by(listeners).await;
    }

    /// Tells again what did not get through.
    pub(super) async fn tell_again(&self) {
        let left = {
            let untold = self.untold();
            Untold { marks: untold.marks.keys().copied().collect(), at: untold.count }
        };
        if !left.marks.is_empty() {
            self.send(&left, 0).await;
        }
    }

    /// Tells a change; gives who listens.
    async fn send(&self, change: &Untold, number: u64) -> Option<Vec<String>> {
        let mut script = self.scripts.tell.key(&self.ground);
        script.key(&self.listeners.key).arg(&self.listeners.channel).arg(&self.listeners.me);
        script.arg(number).arg(joined(&change.marks));
        let listeners = self.run(script).await?;
        self.forget_untold(change);
        Some(listeners)
    }

    /// Events of the role's log were published, with what each of them touches. What was noted of them counts as told when
    /// they are heard.
    pub async fn hear<'a>(&self, events: impl Iterator<Item = (i64, &'a Untold)> + Clone) -> Heard {
        let mut script = self.scripts.hear.key(&self.ground);
        script.arg(&self.listeners.channel).arg(&self.listeners.me);
        for (sequence, change) in events.clone() {
            script.arg(sequence).arg(joined(&change.marks));
        }
        match self.run::<Option<String>>(script).await {
            None => return Heard::Away,
            Some(Some(outcome)) if outcome == "missed" => return Heard::Missed,
            Some(None) => return Heard::Closed,
            Some(Some(_)) => {}
        }
        for (_, change) in events {
            self.forget_untold(change);
        }
        Heard::All
    }

    /// The last event that was heard; `Some(None)` while none is, because there is nothing that could be out of date.
    pub async fn last_heard(&self) -> Option<Option<i64>> {
        let told: Vec<Vec<u8>> = self.run(self.scripts.look.key(&self.ground)).await?;
        Some(told.get(2).and_then(|last| text(last)?.parse().ok()))
    }

    /// Begins to keep answers, unless others have begun, or instead of what they keep (`anew`). `last` is the last event of
    /// the log, read before this is called: what is kept from now on shows it. False: Redis can't be used.
    pub async fn open(&self, last: i64, anew: bool) -> bool {
        let mut script = self.scripts.open.key(&self.ground);
        script.arg(&self.listeners.channel).arg(&self.listeners.me);
        script.arg(Uuid::new_v4().simple().to_string()).arg(last).arg(i32::from(anew));
        self.run::<i64>(script).await.is_some()
    }

    /// Relies on being told from now on, once this message comes back.
    pub(super) async fn promise_to_listen(&self, number: u64, time: Duration) -> bool {
        let mut script = self.scripts.listen.key(&self.ground);
        script.key(&self.listeners.key).arg(&self.listeners.channel).arg(&self.listeners.me);
        script.arg(number).arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.run::<i64>(script).await.is_some()
    }

    pub(super) fn redis(&self) -> &Redis {
        &self.redis
    }

    fn entry(&self, request: &[u8]) -> String {
        let hash = u128::from_be_bytes(*crypto::sha256(request).first_chunk().unwrap_or(&[0; 16]));
        self.redis.key(&format!("{}:answer:{hash:032x}", self.name))
    }

    async fn run<T: FromRedisValue>(&self, script: ScriptInvocation<'_>) -> Option<T> {
        let work = async |mut connection: ConnectionManager| script.invoke_async(&mut connection).await;
        self.redis.run("shared_cache", work).await
    }

    fn untold(&self) -> MutexGuard<'_, UntoldMarks> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_untold(&self, marks: &[u32]) -> bool {
        let untold = self.untold();
        !untold.marks.is_empty() && marks.iter().any(|mark| untold.marks.contains_key(mark))
    }

    fn forget_untold(&self, change: &Untold) {
        let mut untold = self.untold();
        for mark in &change.marks {
            // Unless it has changed again since.
            if untold.marks.get(mark).is_some_and(|at| *at <= change.at) {
                untold.marks.remove(mark);
            }
        }
    }
}

fn joined(marks: &[u32]) -> String {
    marks.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

pub(super) fn moment(epoch: &[u8], count: &[u8]) -> Option<Moment> {
    Some(Moment { epoch: text(epoch)?.into(), count: text(count)?.parse().ok()? })
}
