//! Which instances keep answers in memory as well, and how a change waits until they know of it.
//!
//! Every instance follows one channel. It promises in Redis to listen for the next [`LEASE`], and renews that promise; when
//! the message of its promise comes back, everything that was told before has come too, so it may trust its memory until the
//! promise ends. Who changes something learns from Redis, in one step with telling it, who has promised to listen, and
//! waits until each of them has answered or its promise has ended. So a dead or frozen instance holds up changes for
//! [`LEASE`] at most, and when it goes on, it knows by its clock that its memory may be out of date.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::shared::{Moment, SharedCache, moment};
use crate::redis::Redis;

/// How long an instance relies on being told: how long a change waits for one that does not answer.
const LEASE: Duration = Duration::from_millis(500);
/// How much earlier the instance itself stops relying on it: clocks do not run alike, and Redis counts in milliseconds.
const MARGIN: Duration = Duration::from_millis(25);
/// How often the promise is renewed.
const RENEW: Duration = Duration::from_millis(100);
/// How long to wait before following the channel anew, unless somebody needs it sooner.
const PAUSE: Duration = Duration::from_millis(500);
/// The shortest such pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// How long a caller waits for what is on its way.
const PATIENCE: Duration = Duration::from_millis(50);
/// Messages that are answered at once.
const CHUNK: usize = 256;

/// What of its own memory a process must not give any more.
#[derive(Clone, Copy, Debug)]
pub enum Forget<'a> {
    /// What was made from these.
    These(&'a [u32]),
    /// Everything: changes may have passed by.
    All,
}

pub(super) struct Listeners {
    /// The set of those who listen.
    pub key: String,
    /// What all of them follow.
    pub channel: String,
    /// This one.
    pub me: String,
    forget: Box<dyn Fn(Forget<'_>) + Send + Sync>,
    began: Instant,
    has_begun: AtomicBool,
    has_ended: AtomicBool,
    /// Until when the memory can be trusted, in milliseconds since `began`.
    trusted_until: AtomicU64,
    /// Told when that grows.
    renewed: Notify,
    /// Told when it should.
    needed: Notify,
    /// Up to where everything told has come.
    known: watch::Sender<Option<Moment>>,
    expected: Mutex<HashMap<u64, mpsc::UnboundedSender<String>>>,
    numbers: AtomicU64,
}

impl Listeners {
    pub fn new(redis: &Redis, name: &str, forget: impl Fn(Forget<'_>) + Send + Sync + 'static) -> Self {
        Self {
            key: redis.key(&format!("{name}:cache:listeners")),
            channel: redis.key(&format!("{name}:cache")),
            me: Uuid::new_v4().simple().to_string(),
            forget: Box::new(forget),
            began: Instant::now(),
            has_begun: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            trusted_until: AtomicU64::new(0),
            renewed: Notify::new(),
            needed: Notify::new(),
            known: watch::Sender::new(None),
            expected: Mutex::default(),
            numbers: AtomicU64::new(0),
        }
    }

    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_trusted(&self) -> bool {
        self.now() < self.trusted_until.load(Ordering::Acquire)
    }

    /// Whether every change that was answered is known here, or will be by events alone.
    pub async fn are_told(&self, redis: &Redis) -> bool {
        if self.is_trusted() || !self.has_begun.load(Ordering::Acquire) {
            return true;
        }
        let wait = async {
            while !self.is_trusted() && redis.is_usable() {
                let renewed = self.renewed.notified();
                self.needed.notify_one();
                // Redis may turn out to be away meanwhile.
                let _ = timeout(PATIENCE / 5, renewed).await;
            }
        };
        if !self.has_ended.load(Ordering::Acquire) {
            let _ = timeout(PATIENCE, wait).await;
        }
        self.is_trusted() || !redis.is_usable()
    }

    /// Whether everything that was told before `moment` is known here; waits a moment for what is on its way.
    pub async fn know(&self, moment: &Moment) -> bool {
        let mut known = self.known.subscribe();
        let is_known = known.wait_for(|known| {
            known.as_ref().is_some_and(|known| known.epoch == moment.epoch && known.count >= moment.count)
        });
        matches!(timeout(PATIENCE, is_known).await, Ok(Ok(_)))
    }

    /// Listens until told to stop.
    pub async fn listen(&self, cache: &SharedCache, stop: &CancellationToken) {
        let redis = cache.redis();
        while !stop.is_cancelled() {
            let channels = [self.channel.as_str(), &self.own_channel(&self.me)];
            if let Ok(messages) = redis.subscribe(&channels).await {
                // What was told before is not known here.
                (self.forget)(Forget::All);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = self.follow(redis, messages) => {}
                    () = self.renew(cache) => {}
                }
            } else {
                // Whoever asks Redis is to know that it is away.
                let _ = redis.ping().await;
            }
            let pause = async {
                tokio::time::sleep(SHORTEST_PAUSE).await;
                let _ = timeout(PAUSE, self.needed.notified()).await;
            };
            stop.run_until_cancelled(pause).await;
        }
        self.has_ended.store(true, Ordering::Release);
        self.trusted_until.store(0, Ordering::Release);
        let leave = async |mut connection| {
            redis::cmd("ZREM").arg(&self.key).arg(&self.me).query_async::<()>(&mut connection).await
        };
        // Else others wait for it once more.
        let _ = redis.run("shared_cache", leave).await;
    }

    /// Renews the promise to listen until it turns out that nothing comes.
    async fn renew(&self, cache: &SharedCache) {
        let mut promised_before = 0;
        let mut since = None;
        loop {
            let number = self.now().max(1);
            if cache.promise_to_listen(number, LEASE).await {
                cache.tell_again().await;
                let trusted = self.trusted_until.load(Ordering::Acquire);
                since = if trusted == promised_before { since.or(Some(number)) } else { None };
                promised_before = trusted;
            }
            if since.is_some_and(|since| Duration::from_millis(self.now() - since) > LEASE * 2) {
                tracing::warn!("what other instances tell does not come: listening anew");
                return;
            }
            // Somebody who needs it waits no longer than the answer to the last one takes.
            tokio::time::sleep(SHORTEST_PAUSE / 10).await;
            let _ = timeout(RENEW, self.needed.notified()).await;
        }
    }

    /// Takes what comes until the connection breaks.
    async fn follow(&self, redis: &Redis, messages: impl Stream<Item = Vec<u8>>) {
        let mut chunks = std::pin::pin!(messages.ready_chunks(CHUNK));
        while let Some(chunk) = chunks.next().await {
            let answers: Vec<_> = chunk.iter().filter_map(|message| self.take(message)).collect();
            if answers.is_empty() {
                continue;
            }
            let mut all = redis::pipe();
            for (teller, number) in answers {
                let text = format!("heard {} {number}", self.me);
                all.cmd("PUBLISH").arg(self.own_channel(teller)).arg(text).ignore();
            }
            // Who does not get it waits for the promise to end.
            let _ =
                redis.run("shared_cache", async |mut connection| all.query_async::<()>(&mut connection).await).await;
        }
    }

    /// Takes a message; gives whom to answer.
    fn take<'a>(&self, message: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let mut parts = std::str::from_utf8(message).ok()?.split(' ');
        let kind = parts.next()?;
        if kind == "heard" {
            let (who, number) = (parts.next()?, parts.next()?.parse().ok()?);
            if let Some(teller) = self.expected().get(&number) {
                let _ = teller.send(who.to_owned());
            }
            return None;
        }
        let now = moment(parts.next()?.as_bytes(), parts.next()?.as_bytes())?;
        let (who, number, marks) = (parts.next()?, parts.next()?, parts.next()?);
        // What this process tells, it has forgotten before.
        if who != self.me && !marks.is_empty() {
            let marks: Vec<u32> = marks.split(',').filter_map(|mark| mark.parse().ok()).collect();
            (self.forget)(Forget::These(&marks));
        }
        self.known.send_replace(Some(now));
        match (kind, who == self.me) {
            ("listen", true) => self.rely(number.parse().ok()?),
            ("change", false) if number != "0" => return Some((who, number)),
            _ => {}
        }
        None
    }

    /// A promise made at `number` has come back.
    fn rely(&self, number: u64) {
        let time = u64::try_from(LEASE.saturating_sub(MARGIN).as_millis()).unwrap_or(0);
        self.trusted_until.fetch_max(number + time, Ordering::AcqRel);
        self.renewed.notify_waiters();
    }

    /// A message that the listeners are to answer.
    pub fn expect(&self) -> Message<'_> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (teller, answers) = mpsc::unbounded_channel();
        self.expected().insert(number, teller);
        Message { listeners: self, number, answers }
    }

    fn expected(&self) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::UnboundedSender<String>>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_channel(&self, of: &str) -> String {
        format!("{}:{of}", self.channel)
    }
}

/// A message that the listeners are to answer.
pub(super) struct Message<'a> {
    listeners: &'a Listeners,
    pub number: u64,
    answers: mpsc::UnboundedReceiver<String>,
}

impl Message<'_> {
    /// Waits until each of `listeners`, given with the milliseconds that it still listens for, has answered or does not
    /// listen any more. A process that does not listen itself hears no answer and does not wait.
    pub async fn heard_by(mut self, listeners: Vec<String>) {
        if !self.listeners.has_begun.load(Ordering::Acquire) {
            return;
        }
        let (mut missing, mut until) = (HashSet::new(), Instant::now());
        for listener in listeners.chunks_exact(2).filter(|listener| listener[0] != self.listeners.me) {
            missing.insert(listener[0].clone());
            let left = Duration::from_millis(listener[1].parse().unwrap_or_default()).min(LEASE);
            until = until.max(Instant::now() + left);
        }
        while !missing.is_empty() {
            match timeout_at(until, self.answers.recv()).await {
                Ok(Some(who)) => missing.remove(&who),
                _ => break,
            };
        }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        self.listeners.expected().remove(&self.number);
    }
}
