//! Counts that all processes share, in Redis.

use std::sync::Arc;
use std::time::Duration;

use redis::Script;

use super::{Decision, Quota};
use crate::redis::Redis;

/// How the script learns the time: from Redis, so that clocks of processes don't matter. A test has its own.
#[cfg(test)]
const TIME: &str = "redis.call('TIME')";

/// For each key, from the first on until one is refused: calls that may follow, or how long to wait as a negative number.
/// Times are whole microseconds. A key holds when its quota is full again, and is gone by then.
const SCRIPT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers = {}
for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[2 * i - 1])
  local whole = interval * tonumber(ARGV[2 * i])
  local full_at = tonumber(redis.call('GET', key) or now)
  -- A later time than a spent quota has was written by a clock that has been set back since.
  full_at = math.max(now, math.min(full_at, now + whole)) + interval
  local wait = full_at - whole - now
  if wait > 0 then
    answers[i] = -wait
    return answers
  end
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', string.format('%.0f', math.ceil((full_at - now) / 1000)))
  answers[i] = math.floor((whole - (full_at - now)) / interval)
end
return answers";

pub(super) struct Shared {
    redis: Redis,
    script: Arc<Script>,
}

impl Shared {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, script: Arc::new(Script::new(SCRIPT)) }
    }

    /// As [`Shared::new`], with the time that a test keeps under a key, in microseconds.
    #[cfg(test)]
    pub(super) fn with_clock(redis: Redis, clock: &str) -> Self {
        let time = format!("{{0, redis.call('GET', '{clock}')}}");
        Self { redis, script: Arc::new(Script::new(&SCRIPT.replace(TIME, &time))) }
    }

    /// None when Redis can't be used.
    pub(super) async fn check_in_order<const N: usize>(
        &self,
        calls: [(&'static str, Quota, &[u8]); N],
    ) -> Option<[Option<Decision>; N]> {
        let mut invocation = self.script.prepare_invoke();
        for (name, quota, key) in &calls {
            // A hash: who calls is nobody's business who reads Redis, and every key is equally long.
            let hash = u128::from_be_bytes(first_half(crypto::sha256(key)));
            invocation.key(self.redis.key(&format!("limit:{name}:{hash:032x}")));
            invocation.arg(interval_micros(*quota)).arg(quota.burst.get());
        }
        let asked = self
            .redis
            .run("limits", |mut connection| async move { invocation.invoke_async::<Vec<i64>>(&mut connection).await });
        let mut answers = asked.await?.into_iter();
        Some(calls.map(|(_, quota, _)| answers.next().map(|answer| decision(quota, answer))))
    }
}

fn decision(quota: Quota, answer: i64) -> Decision {
    match u32::try_from(answer) {
        Ok(remaining) => quota.allow(remaining),
        Err(_) => quota.refuse(Duration::from_micros(answer.unsigned_abs())),
    }
}

/// Rounded up: never more than the quota. More than a call a microsecond is no limit at all.
fn interval_micros(quota: Quota) -> u64 {
    (u64::from(quota.period_seconds.get()) * 1_000_000).div_ceil(quota.burst.get().into())
}

fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}
