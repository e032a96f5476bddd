//! Ends access tokens together with their session, in all processes.
//!
//! Who ends a session tells this process's own verifier, and through Redis the others': the session goes into a sorted set
//! (score: when its last token has expired) and onto a channel. A process follows the channel, and compares with the set
//! when it begins, every [`SYNC`], and after each interruption; what it knows and the set lacks, it adds. So a Redis that
//! lost everything is filled again by whoever lives, and no request asks Redis.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use crypto::{ACCESS_TOKEN_SECONDS, EndedSessions, LEEWAY, TokenVerifier};
use futures_util::StreamExt as _;
use kernel::Clock;
use metrics::{Gauge, gauge};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Tasks;
use crate::redis::Redis;

/// How often what is known is compared with Redis.
const SYNC: Duration = Duration::from_secs(5);
/// How long to wait before following the channel anew.
const PAUSE: Duration = Duration::from_millis(500);

/// The sessions that have ended while their tokens have not. Clones share them.
#[derive(Clone)]
pub struct Revocations {
    ended: Arc<EndedSessions>,
    clock: Clock,
    redis: Option<Redis>,
    known: Gauge,
}

impl Revocations {
    /// For a process whose tokens `verifier` checks. Without Redis, other processes don't hear of anything.
    pub fn new(verifier: &TokenVerifier, clock: Clock, redis: Option<Redis>) -> Self {
        let ended = Arc::clone(verifier.ended_sessions());
        Self { ended, clock, redis, known: gauge!("sessions_ended_known") }
    }

    /// Sessions that ended before this time have no tokens left.
    pub fn horizon(&self) -> DateTime<Utc> {
        self.clock.now() - lifetime()
    }

    /// Whether it is known here that the session has ended.
    pub fn knows(&self, session: Uuid) -> bool {
        self.ended.has(session)
    }

    /// These sessions have ended, each at its time. Call it after the commit, before the answer. When it returns, this
    /// process refuses their tokens, and others do as soon as they hear of it.
    pub async fn announce(&self, sessions: &[(Uuid, DateTime<Utc>)]) {
        let ended: Vec<_> = sessions.iter().map(|(session, at)| (*session, *at + lifetime())).collect();
        for (session, until) in &ended {
            self.ended.add(*session, *until);
        }
        if let Some(redis) = &self.redis {
            // What does not get through is in the next comparison.
            self.publish(redis, &ended).await;
        }
    }

    /// Follows what other processes announce until told to stop, and forgets what is over.
    pub fn start(&self, tasks: &Tasks) {
        let (revocations, stop) = (self.clone(), tasks.shutdown_token());
        tasks.spawn("revocations", async move {
            match revocations.redis.clone() {
                Some(redis) => revocations.follow(&redis, &stop).await,
                None => {
                    while pause(&stop, SYNC).await {
                        revocations.forget();
                    }
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
    }

    /// Compares with Redis: afterwards both know what one of them knew. False: Redis can't be used.
    pub async fn sync(&self) -> bool {
        self.forget();
        let Some(redis) = &self.redis else { return true };
        let (key, now) = (redis.key("sessions:ended"), self.clock.now().timestamp());
        let asked = redis.run("revocations", async |mut connection| {
            let mut both = redis::pipe();
            both.cmd("ZREMRANGEBYSCORE").arg(&key).arg("-inf").arg(now).ignore();
            both.cmd("ZRANGE").arg(&key).arg(0).arg(-1).arg("WITHSCORES");
            both.query_async::<(Vec<(String, f64)>,)>(&mut connection).await
        });
        let Some((told,)) = asked.await else { return false };
        let mut missing: std::collections::HashMap<_, _> = self.ended.all().into_iter().collect();
        for (session, until) in told {
            #[expect(clippy::cast_possible_truncation)] // Seconds since 1970.
            let until = DateTime::from_timestamp(until as i64, 0);
            if let (Ok(session), Some(until)) = (Uuid::parse_str(&session), until) {
                self.ended.add(session, until);
                missing.remove(&session);
            }
        }
        let missing: Vec<_> = missing.into_iter().collect();
        missing.is_empty() || self.publish(redis, &missing).await
    }

    async fn follow(&self, redis: &Redis, stop: &CancellationToken) {
        loop {
            if let Ok(messages) = redis.subscribe(&[&redis.key("sessions:ended")]).await {
                let mut messages = std::pin::pin!(messages);
                // After the subscription: what came before it is in the set.
                while self.sync().await && !stop.is_cancelled() {
                    let until_next = tokio::time::sleep(SYNC);
                    let hear = async {
                        while let Some(message) = messages.next().await {
                            self.hear(&message);
                        }
                    };
                    tokio::select! {
                        () = until_next => {}
                        () = stop.cancelled() => return,
                        () = hear => break,
                    }
                }
            }
            if !pause(stop, PAUSE).await {
                return;
            }
        }
    }

    async fn publish(&self, redis: &Redis, ended: &[(Uuid, DateTime<Utc>)]) -> bool {
        let key = redis.key("sessions:ended");
        let published = redis.run("revocations", async |mut connection| {
            let mut all = redis::pipe();
            for (session, until) in ended {
                let until = until.timestamp();
                all.cmd("ZADD").arg(&key).arg(until).arg(session.to_string()).ignore();
                all.cmd("PUBLISH").arg(&key).arg(format!("{session} {until}")).ignore();
            }
            all.query_async::<()>(&mut connection).await
        });
        published.await.is_some()
    }

    fn hear(&self, message: &[u8]) {
        let told = std::str::from_utf8(message).ok().and_then(|text| text.split_once(' '));
        let Some((session, until)) = told else { return };
        let until = until.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        if let (Ok(session), Some(until)) = (Uuid::parse_str(session), until) {
            self.ended.add(session, until);
        }
    }

    fn forget(&self) {
        let left = self.ended.forget_expired(self.clock.now());
        self.known.set(u32::try_from(left).unwrap_or(u32::MAX));
    }
}

/// How long after the end of a session a token of it could still be good.
fn lifetime() -> TimeDelta {
    TimeDelta::seconds(ACCESS_TOKEN_SECONDS) + LEEWAY
}

/// Waits; false when told to stop.
async fn pause(stop: &CancellationToken, time: Duration) -> bool {
    stop.run_until_cancelled(tokio::time::sleep(time)).await.is_some()
}

#[cfg(test)]
mod tests {
    use crypto::{Claims, TokenConfig, TokenError, TokenSigner};
    use kernel::Secret;
    use test_kit::PrivateRedis;

    use super::*;
    use crate::redis::RedisConfig;

    /// Some processes of one shop, and a token of a session with its session.
    fn processes(url: &str, count: usize) -> (Vec<(Revocations, TokenVerifier, Tasks)>, String, Uuid) {
        let clock = Clock::system();
        let tokens = TokenConfig {
            issuer: "https://shop.example".into(),
            audience: "tradepost".into(),
            signing_key: TokenSigner::generate_pem(),
            ..TokenConfig::default()
        };
        let signer = TokenSigner::new(&tokens, clock.clone()).unwrap();
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let one = || {
            let jwks = signer.jwks();
            let verifier = TokenVerifier::new(jwks, &tokens.issuer, &tokens.audience, clock.clone()).unwrap();
            let config = RedisConfig { url: Secret::from(url), prefix: prefix.clone(), ..RedisConfig::default() };
            let revocations = Revocations::new(&verifier, clock.clone(), Redis::new(&config).unwrap());
            let tasks = Tasks::new();
            revocations.start(&tasks);
            (revocations, verifier, tasks)
        };
        let session = Uuid::new_v4();
        let claims =
            Claims { user_id: Uuid::new_v4(), session, client_id: "tests".into(), scopes: kernel::Scopes::default() };
        ((0..count).map(|_| one()).collect(), signer.issue(&claims), session)
    }

    async fn until_refused(verifier: &TokenVerifier, token: &str) {
        while verifier.verify(token).err() != Some(TokenError::SessionEnded) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_token_ends_with_its_session_here_at_once_and_there_as_soon_as_told() {
        let (processes, token, session) = processes(&test_kit::redis::shared_url(), 2);
        let [(one, here, _), (_, there, _)] = &processes[..] else { panic!("two processes") };
        assert!(here.verify(&token).is_ok() && there.verify(&token).is_ok());
        one.announce(&[(session, Utc::now())]).await;
        assert_eq!(here.verify(&token).err(), Some(TokenError::SessionEnded));
        until_refused(there, &token).await;
        for (_, _, tasks) in &processes {
            tasks.shutdown(Duration::from_secs(10)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_ended_while_redis_was_away_is_told_when_it_is_back_even_empty() {
        let mut server = PrivateRedis::start();
        let (processes, token, session) = processes(&server.url(), 2);
        let [(one, here, _), (_, there, _)] = &processes[..] else { panic!("two processes") };
        while !one.sync().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill();
        one.announce(&[(session, Utc::now())]).await;
        assert_eq!(here.verify(&token).err(), Some(TokenError::SessionEnded));
        assert!(there.verify(&token).is_ok(), "nobody can have told");
        server.restart();
        until_refused(there, &token).await;
    }

    #[tokio::test]
    async fn a_session_is_forgotten_when_its_tokens_have_expired() {
        let (processes, token, session) = processes("", 1);
        let (one, here, _) = &processes[0];
        one.announce(&[(session, Utc::now() - lifetime())]).await;
        assert!(one.sync().await);
        assert!(here.verify(&token).is_ok(), "only a test has a token that lives longer than its session");
    }
}
