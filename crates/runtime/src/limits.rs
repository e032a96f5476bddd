//! Rate limits by key (GCRA): a burst, then a steady refill. Bounded in memory, cheap enough for every request.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use metrics::{Counter, Gauge, counter, gauge};
use serde::{Deserialize, Serialize};

/// `burst` calls at once; the whole burst comes back, evenly, over `period_seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Calls that may come at once.
    pub burst: NonZeroU32,
    /// Seconds in which an empty quota is full again.
    pub period_seconds: NonZeroU32,
}

impl Quota {
    fn refill_interval(self) -> Duration {
        Duration::from_secs(self.period_seconds.get().into()) / self.burst.get()
    }
}

/// What a limiter says of one call, with what the `RateLimit-*` and `Retry-After` headers need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the call may go on.
    pub allowed: bool,
    /// The burst of the quota.
    pub limit: u32,
    /// Calls that may follow at once.
    pub remaining: u32,
    /// Seconds until the whole quota is there again.
    pub reset_seconds: u64,
    /// For a refused call: seconds until the next can succeed, at least 1.
    pub retry_after_seconds: Option<u64>,
}

/// A limiter for one class of calls. Clones share its state.
pub struct RateLimiter<C: Clock = DefaultClock>(Arc<Inner<C>>);

impl<C: Clock> Clone for RateLimiter<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

type Keys = DashMapStateStore<u64, BuildHasherDefault<Prehashed>>;

struct Inner<C: Clock> {
    quota: Quota,
    keys: governor::RateLimiter<u64, Keys, C, StateInformationMiddleware>,
    clock: C,
    /// Seeded at random: nobody outside can choose keys that meet.
    hasher: RandomState,
    /// Keys that get a quota of their own; from there on, new and old share this many.
    max_keys: usize,
    /// How many keys are held, or more: counted up with each call that finds its quota full, as a new key does, and set
    /// right when it matters. Counting the keys at every call would cost more than the rest of the check.
    held: AtomicUsize,
    allowed: Counter,
    refused: Counter,
    shared: Counter,
    held_gauge: Gauge,
}

impl RateLimiter {
    /// A limiter called `name` in the metrics. About 100 bytes a key: memory ends at twice `max_keys`.
    /// Run [`RateLimiter::sweep`] every few seconds.
    pub fn new(name: &'static str, quota: Quota, max_keys: usize) -> Self {
        Self::with_clock(name, quota, max_keys, DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimiter<C> {
    fn with_clock(name: &'static str, quota: Quota, max_keys: usize, clock: C) -> Self {
        let cells = governor::Quota::with_period(quota.refill_interval())
            // More than a call a nanosecond is no limit at all; one a nanosecond is the highest there is.
            .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MIN.saturating_add(999_999_999)))
            .allow_burst(quota.burst);
        let store = Keys::with_hasher(BuildHasherDefault::default());
        Self(Arc::new(Inner {
            quota,
            keys: governor::RateLimiter::new(cells, store, clock.clone()),
            clock,
            hasher: RandomState::new(),
            max_keys: max_keys.max(1),
            held: AtomicUsize::new(0),
            allowed: counter!("rate_limit_allowed_total", "limit" => name),
            refused: counter!("rate_limit_refused_total", "limit" => name),
            shared: counter!("rate_limit_shared_total", "limit" => name),
            held_gauge: gauge!("rate_limit_keys", "limit" => name),
        }))
    }

    /// Counts one call of `key`. Refused calls cost nothing of the quota.
    pub fn check<K: Hash + ?Sized>(&self, key: &K) -> Decision {
        let limiter = &*self.0;
        let limit = limiter.quota.burst.get();
        match limiter.keys.check_key(&self.slot(key)) {
            Ok(state) => {
                limiter.allowed.increment(1);
                let remaining = state.remaining_burst_capacity();
                if remaining + 1 == limit {
                    limiter.held.fetch_add(1, Ordering::Relaxed);
                }
                let reset = limiter.quota.refill_interval() * (limit - remaining);
                let reset_seconds = whole_seconds(reset);
                Decision { allowed: true, limit, remaining, reset_seconds, retry_after_seconds: None }
            }
            Err(not_until) => {
                limiter.refused.increment(1);
                let wait = not_until.wait_time_from(limiter.clock.now());
                // One call comes back after `wait`, the others one refill after another.
                let reset_seconds = whole_seconds(wait + limiter.quota.refill_interval() * (limit - 1));
                let retry_after_seconds = Some(whole_seconds(wait).max(1));
                Decision { allowed: false, limit, remaining: 0, reset_seconds, retry_after_seconds }
            }
        }
    }

    /// Forgets the keys whose quota is full again: they are as good as never seen.
    pub fn sweep(&self) {
        self.0.keys.retain_recent();
        let held = self.0.keys.len();
        self.0.held.store(held, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss)] // Far below 2^52 keys.
        self.0.held_gauge.set(held as f64);
    }

    /// Where the key is counted. With too many keys at once, as in a flood from many addresses, all share a bounded
    /// set of quotas: some callers are refused too early, but the limit holds and memory stays bounded.
    fn slot<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        let limiter = &*self.0;
        let hash = limiter.hasher.hash_one(key);
        if limiter.held.load(Ordering::Relaxed) < limiter.max_keys {
            return hash;
        }
        let held = limiter.keys.len();
        limiter.held.store(held, Ordering::Relaxed);
        if held < limiter.max_keys {
            return hash;
        }
        limiter.shared.increment(1);
        hash % limiter.max_keys as u64
    }
}

/// Rounded up, since a caller that comes back too early is refused again.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Takes keys as they are: they are hashes already.
#[derive(Default)]
struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(
        burst: u32,
        period_seconds: u32,
        max_keys: usize,
    ) -> (RateLimiter<FakeRelativeClock>, FakeRelativeClock) {
        let quota = Quota { burst: burst.try_into().unwrap(), period_seconds: period_seconds.try_into().unwrap() };
        let clock = FakeRelativeClock::default();
        (RateLimiter::with_clock("test", quota, max_keys, clock.clone()), clock)
    }

    #[test]
    fn a_burst_passes_then_calls_pass_as_the_quota_refills() {
        let (limiter, clock) = limiter(100, 900, 1000);
        for n in (0..100).rev() {
            let decision = limiter.check("203.0.113.7");
            assert!(decision.allowed);
            assert_eq!((decision.limit, decision.remaining), (100, n));
        }
        let refused = limiter.check("203.0.113.7");
        assert!(!refused.allowed);
        assert_eq!((refused.retry_after_seconds, refused.reset_seconds), (Some(9), 900));
        clock.advance(Duration::from_secs(8));
        assert_eq!(limiter.check("203.0.113.7").retry_after_seconds, Some(1));
        clock.advance(Duration::from_secs(1));
        assert!(limiter.check("203.0.113.7").allowed);
        assert!(!limiter.check("203.0.113.7").allowed);
    }

    #[test]
    fn keys_do_not_share_a_quota() {
        let (limiter, _) = limiter(1, 60, 1000);
        assert!(limiter.check("alpha").allowed);
        assert!(!limiter.check("alpha").allowed);
        assert!(limiter.check("beta").allowed);
    }

    #[test]
    fn reset_tells_when_the_whole_quota_is_back() {
        let (limiter, clock) = limiter(10, 60, 1000);
        assert_eq!(limiter.check("alpha").reset_seconds, 6);
        assert_eq!(limiter.check("alpha").reset_seconds, 12);
        clock.advance(Duration::from_secs(12));
        assert_eq!(limiter.check("alpha").remaining, 9);
    }

    #[test]
    fn a_sweep_forgets_keys_that_are_full_again_and_no_others() {
        let (limiter, clock) = limiter(2, 60, 1000);
        limiter.check("old");
        clock.advance(Duration::from_mins(2));
        limiter.check("new");
        limiter.check("new");
        limiter.sweep();
        assert_eq!(limiter.0.keys.len(), 1);
        assert!(!limiter.check("new").allowed);
    }

    #[test]
    fn a_flood_of_keys_stays_bounded_and_limited() {
        let (limiter, _) = limiter(1, 60, 100);
        let allowed = (0..10_000).filter(|n| limiter.check(&format!("2001:db8::{n:x}")).allowed).count();
        assert!(limiter.0.keys.len() <= 200);
        assert!((100..=200).contains(&allowed), "{allowed} calls passed");
    }

    #[test]
    fn threads_at_once_get_no_more_than_the_burst() {
        let (limiter, _) = limiter(50, 3600, 1000);
        let check = || (0..50).filter(|_| limiter.check("alpha").allowed).count();
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(check)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 50);
    }
}
