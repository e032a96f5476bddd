//! Rate limits by key (GCRA): a burst, then a steady refill. Cheap enough for every request.
//!
//! With Redis, all processes count together, and a limit holds exactly over all of them. Without it, and while it can't be
//! used, each process counts for itself, bounded in memory.

mod local;
mod shared;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use metrics::{Counter, counter};
use serde::{Deserialize, Serialize};

use crate::redis::Redis;
use local::Local;
use shared::Shared;

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

    /// The call may go on, and `remaining` may follow at once.
    fn allow(self, remaining: u32) -> Decision {
        let limit = self.burst.get();
        let reset_seconds = whole_seconds(self.refill_interval() * limit.saturating_sub(remaining));
        Decision { allowed: true, limit, remaining, reset_seconds, retry_after_seconds: None }
    }

    /// The call is one too many; the next can succeed after `wait`.
    fn refuse(self, wait: Duration) -> Decision {
        let limit = self.burst.get();
        // One call comes back after `wait`, the others one refill after another.
        let reset_seconds = whole_seconds(wait + self.refill_interval() * (limit - 1));
        let retry_after_seconds = Some(whole_seconds(wait).max(1));
        Decision { allowed: false, limit, remaining: 0, reset_seconds, retry_after_seconds }
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

struct Inner<C: Clock> {
    name: &'static str,
    quota: Quota,
    local: Local<C>,
    shared: Option<Shared>,
    allowed: Counter,
    refused: Counter,
    counted_alone: Counter,
}

impl RateLimiter {
    /// A limiter called `name` in the metrics and in Redis. It holds `max_keys` keys of its own at about 100 bytes each;
    /// memory ends at twice as many. Run [`RateLimiter::sweep`] every few seconds.
    pub fn new(name: &'static str, quota: Quota, max_keys: usize, redis: Option<&Redis>) -> Self {
        let local = Local::new(name, quota, max_keys, DefaultClock::default());
        Self::of(name, quota, local, redis.cloned().map(Shared::new))
    }
}

impl<C: Clock + Clone> RateLimiter<C> {
    fn of(name: &'static str, quota: Quota, local: Local<C>, shared: Option<Shared>) -> Self {
        Self(Arc::new(Inner {
            name,
            quota,
            local,
            shared,
            allowed: counter!("rate_limit_allowed_total", "limit" => name),
            refused: counter!("rate_limit_refused_total", "limit" => name),
            counted_alone: counter!("rate_limit_counted_alone_total", "limit" => name),
        }))
    }

    /// Counts one call of `key`. Refused calls cost nothing of the quota.
    pub async fn check(&self, key: &[u8]) -> Decision {
        let [decision] = check_in_order([(self, key)]).await;
        // The first of all is always decided.
        decision.unwrap_or_else(|| self.check_alone(key))
    }

    /// Whether other processes count the same calls.
    pub fn is_shared(&self) -> bool {
        self.0.shared.is_some()
    }

    /// Counts one call of `key` in this process alone.
    pub fn check_alone(&self, key: &[u8]) -> Decision {
        self.told(self.0.local.check(self.0.quota, key))
    }

    /// Forgets the keys whose quota is full again: they are as good as never seen.
    pub fn sweep(&self) {
        self.0.local.sweep();
    }

    fn told(&self, decision: Decision) -> Decision {
        if decision.allowed {
            self.0.allowed.increment(1);
        } else {
            self.0.refused.increment(1);
        }
        decision
    }
}

/// Counts a call under several limits, one after the other until one refuses: those after it are not counted and none.
/// With Redis that is one round trip. All limiters must be with the same Redis, or all without.
pub async fn check_in_order<C: Clock + Clone, const N: usize>(
    calls: [(&RateLimiter<C>, &[u8]); N],
) -> [Option<Decision>; N] {
    if let Some(shared) = calls.first().and_then(|(limiter, _)| limiter.0.shared.as_ref()) {
        let counted = calls.map(|(limiter, key)| (limiter.0.name, limiter.0.quota, key));
        if let Some(decisions) = shared.check_in_order(counted).await {
            let mut calls = calls.iter();
            return decisions.map(|decision| calls.next().zip(decision).map(|((limiter, _), it)| limiter.told(it)));
        }
        for (limiter, _) in &calls {
            limiter.0.counted_alone.increment(1);
        }
    }
    let mut goes_on = true;
    calls.map(|(limiter, key)| {
        let decision = goes_on.then(|| limiter.check_alone(key));
        goes_on = decision.is_some_and(|decision| decision.allowed);
        decision
    })
}

/// Rounded up, since a caller that comes back too early is refused again.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
