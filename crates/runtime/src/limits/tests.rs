//! The same over both forms, with a clock that the test moves; and what only the shared form has.

use futures_util::future::join_all;
use governor::clock::FakeRelativeClock;
use kernel::Secret;
use test_kit::PrivateRedis;
use uuid::Uuid;

use super::*;
use crate::redis::RedisConfig;

type Limiter = RateLimiter<FakeRelativeClock>;

/// A limiter and its time.
struct Timed {
    limiter: Limiter,
    clock: FakeRelativeClock,
    /// Where Redis keeps the same time.
    shared: Option<(Redis, String)>,
}

fn quota(burst: u32, period_seconds: u32) -> Quota {
    Quota { burst: burst.try_into().unwrap(), period_seconds: period_seconds.try_into().unwrap() }
}

fn redis_at(url: String, timeout_ms: u64) -> Redis {
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    Redis::new(&RedisConfig { url: Secret::from(url), prefix, timeout_ms, ..RedisConfig::default() }).unwrap().unwrap()
}

fn redis() -> Redis {
    redis_at(test_kit::redis::shared_url(), 20_000)
}

impl Timed {
    fn alone(quota: Quota, max_keys: usize) -> Self {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::of("test", quota, Local::new("test", quota, max_keys, clock.clone()), None);
        Self { limiter, clock, shared: None }
    }

    async fn shared(quota: Quota) -> Self {
        let (redis, clock) = (redis(), FakeRelativeClock::default());
        let key = redis.key("clock");
        let shared = Shared::with_clock(redis.clone(), &key);
        let limiter = RateLimiter::of("test", quota, Local::new("test", quota, 1, clock.clone()), Some(shared));
        let timed = Self { limiter, clock, shared: Some((redis, key)) };
        timed.advance(Duration::from_hours(24)).await;
        timed
    }

    async fn both(burst: u32, period_seconds: u32) -> [Self; 2] {
        let quota = quota(burst, period_seconds);
        [Self::alone(quota, 1000), Self::shared(quota).await]
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        if let Some((redis, key)) = &self.shared {
            let micros = u64::try_from(by.as_micros()).unwrap();
            let moved = async |mut connection| {
                ::redis::cmd("INCRBY").arg(key).arg(micros).query_async::<u64>(&mut connection).await
            };
            redis.run("test", moved).await.unwrap();
        }
    }

    async fn check(&self, key: &str) -> Decision {
        self.limiter.check(key.as_bytes()).await
    }
}

#[tokio::test]
async fn a_burst_passes_then_calls_pass_as_the_quota_refills() {
    for timed in Timed::both(100, 900).await {
        for n in (0..100).rev() {
            let decision = timed.check("203.0.113.7").await;
            assert!(decision.allowed);
            assert_eq!((decision.limit, decision.remaining), (100, n));
        }
        let refused = timed.check("203.0.113.7").await;
        assert!(!refused.allowed);
        assert_eq!((refused.retry_after_seconds, refused.reset_seconds), (Some(9), 900));
        timed.advance(Duration::from_secs(8)).await;
        assert_eq!(timed.check("203.0.113.7").await.retry_after_seconds, Some(1));
        timed.advance(Duration::from_secs(1)).await;
        assert!(timed.check("203.0.113.7").await.allowed);
        assert!(!timed.check("203.0.113.7").await.allowed);
    }
}

#[tokio::test]
async fn keys_do_not_share_a_quota() {
    for timed in Timed::both(1, 60).await {
        assert!(timed.check("alpha").await.allowed);
        assert!(!timed.check("alpha").await.allowed);
        assert!(timed.check("beta").await.allowed);
    }
}

#[tokio::test]
async fn reset_tells_when_the_whole_quota_is_back() {
    for timed in Timed::both(10, 60).await {
        assert_eq!(timed.check("alpha").await.reset_seconds, 6);
        assert_eq!(timed.check("alpha").await.reset_seconds, 12);
        timed.advance(Duration::from_secs(12)).await;
        assert_eq!(timed.check("alpha").await.remaining, 9);
    }
}

#[tokio::test]
async fn a_call_under_two_limits_stops_at_the_first_that_refuses() {
    let (redis, wide, narrow) = (redis(), quota(3, 3600), quota(1, 3600));
    for redis in [None, Some(&redis)] {
        let address = RateLimiter::new("address", narrow, 1000, redis);
        let session = RateLimiter::new("session", wide, 1000, redis);
        let calls = [(&address, b"203.0.113.7".as_slice()), (&session, b"alpha".as_slice())];
        let remaining = |decision: Option<Decision>| decision.map(|it| (it.allowed, it.remaining));
        assert_eq!(check_in_order(calls).await.map(remaining), [Some((true, 0)), Some((true, 2))]);
        assert_eq!(check_in_order(calls).await.map(remaining), [Some((false, 0)), None]);
        assert_eq!(remaining(Some(session.check(b"alpha").await)), Some((true, 1)), "only one call was counted");
    }
}

#[tokio::test]
async fn a_sweep_forgets_keys_that_are_full_again_and_no_others() {
    let timed = Timed::alone(quota(2, 60), 1000);
    timed.check("old").await;
    timed.advance(Duration::from_mins(2)).await;
    timed.check("new").await;
    timed.check("new").await;
    timed.limiter.sweep();
    assert_eq!(timed.limiter.0.local.held(), 1);
    assert!(!timed.check("new").await.allowed);
}

#[tokio::test]
async fn a_flood_of_keys_stays_bounded_and_limited() {
    let timed = Timed::alone(quota(1, 60), 100);
    let check = |n: u32| timed.limiter.check_alone(format!("2001:db8::{n:x}").as_bytes());
    let allowed = (0..10_000).filter(|n| check(*n).allowed).count();
    assert!(timed.limiter.0.local.held() <= 200);
    assert!((100..=200).contains(&allowed), "{allowed} calls passed");
}

#[test]
fn threads_at_once_get_no_more_than_the_burst() {
    let limiter = RateLimiter::new("test", quota(50, 3600), 1000, None);
    let check = || (0..50).filter(|_| limiter.check_alone(b"alpha").allowed).count();
    let allowed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(check)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(allowed, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_at_once_get_no_more_than_one_burst_and_one_refill() {
    // Two handles with one prefix are two connections of one shop, as two gateways have.
    let quota = quota(50, 3600);
    let one = Timed::shared(quota).await;
    let (redis, clock) = one.shared.clone().unwrap();
    let config = RedisConfig {
        url: test_kit::redis::shared_url().into(),
        prefix: redis.key("").trim_end_matches(':').to_owned(),
        timeout_ms: 20_000,
        ..RedisConfig::default()
    };
    let other = Redis::new(&config).unwrap().unwrap();
    let shared = Shared::with_clock(other, &clock);
    let other =
        RateLimiter::of("test", quota, Local::new("test", quota, 1, FakeRelativeClock::default()), Some(shared));
    let all_at_once = async || {
        let calls = (0..400).map(|n| {
            let limiter = if n % 2 == 0 { one.limiter.clone() } else { other.clone() };
            tokio::spawn(async move { limiter.check(b"alpha").await.allowed })
        });
        join_all(calls).await.into_iter().filter(|allowed| *allowed.as_ref().unwrap()).count()
    };
    assert_eq!(all_at_once().await, 50);
    one.advance(Duration::from_mins(12)).await;
    assert_eq!(all_at_once().await, 10, "72 seconds bring a call back");
    one.advance(Duration::from_hours(2)).await;
    assert_eq!(all_at_once().await, 50);
}

#[tokio::test]
async fn nothing_stays_in_redis_when_a_quota_is_full_again() {
    let redis = redis();
    let limiter = RateLimiter::new("test", quota(1000, 1), 1000, Some(&redis));
    assert!(limiter.check(b"alpha").await.allowed);
    let pattern = redis.key("limit:*");
    let held = async || {
        let keys =
            async |mut connection| ::redis::cmd("KEYS").arg(&pattern).query_async::<Vec<String>>(&mut connection).await;
        redis.run("test", keys).await.unwrap().len()
    };
    while held().await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks until the limiter is shared again, or no longer.
async fn until_shared(limiter: &RateLimiter, redis: &Redis, shared: bool) {
    while redis.ping().await.is_ok() != shared {
        limiter.check(b"impatient").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_process_counts_alone_and_with_it_all_count_together_again() {
    let mut server = PrivateRedis::start();
    let redis = redis_at(server.url(), 50);
    let limiter = RateLimiter::new("test", quota(5, 3600), 1000, Some(&redis));
    let allowed = async |limiter: &RateLimiter, key: &[u8]| {
        let mut count = 0;
        for _ in 0..20 {
            count += usize::from(limiter.check(key).await.allowed);
        }
        count
    };
    until_shared(&limiter, &redis, true).await;
    // Frozen: connections stay, answers don't come.
    server.freeze();
    until_shared(&limiter, &redis, false).await;
    assert_eq!(allowed(&limiter, b"frozen").await, 5, "the limit holds in this process");
    server.thaw();
    until_shared(&limiter, &redis, true).await;
    // Killed: connections break. What was counted is gone with it.
    server.kill();
    until_shared(&limiter, &redis, false).await;
    assert_eq!(allowed(&limiter, b"killed").await, 5);
    server.restart();
    until_shared(&limiter, &redis, true).await;
    let other = RateLimiter::new("test", quota(5, 3600), 1000, Some(&redis));
    let both = allowed(&limiter, b"back").await + allowed(&other, b"back").await;
    assert_eq!(both, 5, "both count together");
}
