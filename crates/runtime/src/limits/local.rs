//! Counts of this process alone.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use metrics::{Counter, Gauge, counter, gauge};

use super::{Decision, Quota};

type Keys = DashMapStateStore<u64, BuildHasherDefault<Prehashed>>;

pub(super) struct Local<C: Clock> {
    keys: governor::RateLimiter<u64, Keys, C, StateInformationMiddleware>,
    clock: C,
    /// Seeded at random: nobody outside can choose keys that meet.
    hasher: RandomState,
    /// Keys that get a quota of their own; from there on, new and old share this many.
    max_keys: usize,
    /// How many keys are held, or more: counted up with each call that finds its quota full, as a new key does, and set
    /// right when it matters. Counting the keys at every call would cost more than the rest of the check.
    held: AtomicUsize,
    shared: Counter,
    held_gauge: Gauge,
}

impl<C: Clock + Clone> Local<C> {
    pub(super) fn new(name: &'static str, quota: Quota, max_keys: usize, clock: C) -> Self {
        let cells = governor::Quota::with_period(quota.refill_interval())
            // More than a call a nanosecond is no limit at all; one a nanosecond is the highest there is.
            .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MIN.saturating_add(999_999_999)))
            .allow_burst(quota.burst);
        let store = Keys::with_hasher(BuildHasherDefault::default());
        Self {
            keys: governor::RateLimiter::new(cells, store, clock.clone()),
            clock,
            hasher: RandomState::new(),
            max_keys: max_keys.max(1),
            held: AtomicUsize::new(0),
            shared: counter!("rate_limit_shared_total", "limit" => name),
            held_gauge: gauge!("rate_limit_keys", "limit" => name),
        }
    }

    pub(super) fn check(&self, quota: Quota, key: &[u8]) -> Decision {
        match self.keys.check_key(&self.slot(key)) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                if remaining + 1 == quota.burst.get() {
                    self.held.fetch_add(1, Ordering::Relaxed);
                }
                quota.allow(remaining)
            }
            Err(not_until) => quota.refuse(not_until.wait_time_from(self.clock.now())),
        }
    }

    pub(super) fn sweep(&self) {
        self.keys.retain_recent();
        let held = self.keys.len();
        self.held.store(held, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss)] // Far below 2^52 keys.
        self.held_gauge.set(held as f64);
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.keys.len()
    }

    /// Where the key is counted. With too many keys at once, as in a flood from many addresses, all share a bounded
    /// set of quotas: some callers are refused too early, but the limit holds and memory stays bounded.
    fn slot(&self, key: &[u8]) -> u64 {
        let hash = self.hasher.hash_one(key);
        if self.held.load(Ordering::Relaxed) < self.max_keys {
            return hash;
        }
        let held = self.keys.len();
        self.held.store(held, Ordering::Relaxed);
        if held < self.max_keys {
            return hash;
        }
        self.shared.increment(1);
        hash % self.max_keys as u64
    }
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
