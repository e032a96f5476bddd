//! Which reads may go to the replica.
//!
//! A watch asks, many times a second, how far the primary's log goes and how far the replica shows it. From that follows
//! what the replica has for certain: every change up to a [`Stamp`] of the cache, and the log up to a position. An answer
//! read there carries that stamp, so it is kept, and given, only while nothing in it has changed since: it can't be told
//! from one that the primary gave. Staff, whose answers are not kept, read there unless they wrote since that position.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernel::Context;
use metrics::{Counter, Gauge, counter, gauge};
use pg::{Db, Server};
use runtime::cache::Moment;
use runtime::redis::Redis;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::{Changes, Shared, Stamp};

/// How often the servers are asked.
const PERIOD: Duration = Duration::from_millis(50);
/// A server that does not tell its position within this time is not there.
const PATIENCE: Duration = Duration::from_secs(1);
/// A replica that lags longer is not read: others' changes must show at some time.
const LONGEST_LAG: Duration = Duration::from_secs(10);
/// How long it is remembered that somebody wrote. Longer than any lag with which the replica is read.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Writers that are remembered at once. Only staff write.
const WRITERS: u64 = 100_000;

/// What is known of the replica.
pub(crate) struct Replica {
    /// Up to which change the cache may trust it; none while it can't be read.
    covered: Mutex<Option<Covered>>,
    replayed: AtomicI64,
    is_usable: AtomicBool,
    /// Where the log ended after each writer's last change.
    writers: moka::sync::Cache<Uuid, i64>,
    redis: Option<Redis>,
    asked: Counter,
    from_primary: Counter,
    usable: Gauge,
    lag: Gauge,
}

/// A change, in the order of this process and in that of all instances, if there is one.
#[derive(Clone)]
pub(crate) struct Covered {
    pub(crate) stamp: Stamp,
    pub(crate) moment: Option<Moment>,
}

/// What the replica is to reach: a change, and where the log ended after it.
struct Goal {
    change: Covered,
    position: i64,
    set: Instant,
}

impl Replica {
    pub(crate) fn new(redis: Option<Redis>) -> Self {
        let reads = |server| counter!("products_reads_total", "server" => server);
        Self {
            covered: Mutex::default(),
            replayed: AtomicI64::new(0),
            is_usable: AtomicBool::new(false),
            writers: moka::sync::Cache::builder().max_capacity(WRITERS).time_to_live(REMEMBERED).build(),
            redis,
            asked: reads("replica"),
            from_primary: reads("primary"),
            usable: gauge!("products_replica_usable"),
            lag: gauge!("products_replica_lag_bytes"),
        }
    }

    /// Whether it can be read now.
    pub(crate) fn is_usable(&self) -> bool {
        self.is_usable.load(Ordering::Acquire)
    }

    /// The change up to which the replica has everything; none when it can't be read.
    pub(crate) fn covered(&self) -> Option<Covered> {
        self.covered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where this caller's reads go.
    pub(crate) async fn server_for(&self, context: &Context) -> Server {
        let server = if self.is_usable() && self.has_all_of(context).await { Server::Replica } else { Server::Primary };
        self.count(server);
        server
    }

    /// Counts a read.
    pub(crate) fn count(&self, server: Server) {
        match server {
            Server::Replica => self.asked.increment(1),
            Server::Primary => self.from_primary.increment(1),
        }
    }

    /// Remembers that the caller has changed something. Call it after the commit, before the answer.
    pub(crate) async fn wrote(&self, db: &Db, context: &Context) {
        let Some(user) = context.user_id().filter(|_| db.has_replica()) else { return };
        // Without a position, nothing that the replica may show soon is enough.
        let position = db.position().await.unwrap_or(i64::MAX);
        self.writers.insert(user, position);
        if let Some(redis) = &self.redis {
            let key = key(redis, user);
            let remembered = REMEMBERED.as_secs();
            redis.set_for("last_write", &key, &position.to_string(), remembered).await;
        }
    }

    /// Whether the replica shows all that the caller wrote, here or through another instance.
    async fn has_all_of(&self, context: &Context) -> bool {
        let Some(user) = context.user_id() else { return true };
        let replayed = self.replayed.load(Ordering::Acquire);
        if self.writers.get(&user).is_some_and(|position| position > replayed) {
            return false;
        }
        let Some(redis) = &self.redis else { return true };
        match redis.get("last_write", &key(redis, user)).await {
            Some(position) => position.is_none_or(|it| it.parse::<i64>().is_ok_and(|position| position <= replayed)),
            // Nobody knows what the caller did elsewhere.
            None => false,
        }
    }

    /// Watches the servers until told to stop.
    pub(crate) async fn watch(&self, db: &Db, changes: &Changes, shared: Option<&Shared>, stop: CancellationToken) {
        let mut goal = None;
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            let looked = tokio::time::timeout(PATIENCE, self.look(db, changes, shared, &mut goal)).await;
            let Ok(Some(reached)) = looked else {
                goal = None;
                self.tell(false);
                continue;
            };
            let lags = goal.as_ref().is_some_and(|goal: &Goal| goal.set.elapsed() > LONGEST_LAG);
            if reached {
                goal = None;
            }
            if reached || lags {
                self.tell(!lags);
            }
        }
    }

    /// Looks at both servers once; whether the replica has reached the goal. None: it is not there, or no replica.
    async fn look(&self, db: &Db, changes: &Changes, shared: Option<&Shared>, goal: &mut Option<Goal>) -> Option<bool> {
        let Goal { change, position, .. } = match goal {
            Some(goal) => goal,
            None => {
                let (stamp, set) = (changes.now(), Instant::now());
                let moment = match shared {
                    Some(shared) => shared.level().now().await,
                    None => None,
                };
                let change = Covered { stamp, moment };
                goal.insert(Goal { change, position: db.position().await.ok()?, set })
            }
        };
        let position = *position;
        let replayed = db.replayed().await.ok()??;
        self.replayed.store(replayed, Ordering::Release);
        #[expect(clippy::cast_precision_loss)] // A gauge.
        self.lag.set((position - replayed).max(0) as f64);
        if replayed < position {
            return Some(false);
        }
        *self.covered.lock().unwrap_or_else(PoisonError::into_inner) = Some(change.clone());
        Some(true)
    }

    /// Says so, once, when the replica comes or goes.
    fn tell(&self, usable: bool) {
        if self.is_usable.swap(usable, Ordering::AcqRel) == usable {
            return;
        }
        self.usable.set(if usable { 1.0 } else { 0.0 });
        if usable {
            tracing::info!("products are read from the replica");
        } else {
            *self.covered.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::warn!("the replica of products can't be read, or lags too far: reading from the primary");
        }
    }
}

fn key(redis: &Redis, user: Uuid) -> String {
    redis.key(&format!("products:wrote:{user}"))
}
