//! Rate limits by address and by session, and the headers that tell of them.

use std::net::IpAddr;

use axum::response::Response;
use http::{HeaderName, HeaderValue};
use kernel::{ErrorKind, Failure};
use runtime::http::Rate;
use runtime::limits::{Decision, Quota, RateLimiter, check_in_order};
use runtime::redis::Redis;
use uuid::Uuid;

use crate::client::limit_key;
use crate::config::{LimitsConfig, Quotas};

/// The limit's burst.
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
/// Requests that may follow at once.
pub const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// Seconds until the whole burst is there again.
pub const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// All limits of the edge.
pub struct Limits {
    addresses: Option<Limiters>,
    sessions: Option<Limiters>,
}

struct Limiters {
    read: RateLimiter,
    write: RateLimiter,
    credentials: RateLimiter,
    bulk: RateLimiter,
}

impl Limits {
    /// The configured limits; with Redis they hold over all gateways together.
    pub fn new(config: &LimitsConfig, redis: Option<&Redis>) -> Self {
        let limiters = |names, quotas| config.enabled.then(|| Limiters::new(names, quotas, config.max_keys, redis));
        let addresses = ["address_read", "address_write", "address_credentials", "address_bulk"];
        let sessions = ["session_read", "session_write", "session_credentials", "session_bulk"];
        Self { addresses: limiters(addresses, config.address), sessions: limiters(sessions, config.session) }
    }

    /// Whether other gateways count the same requests.
    pub fn are_shared(&self) -> bool {
        self.addresses.as_ref().is_some_and(|limiters| limiters.read.is_shared())
    }

    /// Counts a request of `address`. None: there are no limits.
    pub async fn check_address(&self, rate: Rate, address: IpAddr) -> Option<Decision> {
        Some(self.addresses.as_ref()?.of(rate).check(&limit_key(address).to_be_bytes()).await)
    }

    /// Counts a request of a signed-in session.
    pub async fn check_session(&self, rate: Rate, session: Uuid) -> Option<Decision> {
        Some(self.sessions.as_ref()?.of(rate).check(session.as_bytes()).await)
    }

    /// Counts a request of `address` and, unless that has made too many, of a signed-in session.
    pub async fn check_both(&self, rate: Rate, address: IpAddr, session: Uuid) -> [Option<Decision>; 2] {
        let (Some(addresses), Some(sessions)) = (&self.addresses, &self.sessions) else { return [None, None] };
        let address = limit_key(address).to_be_bytes();
        check_in_order([(addresses.of(rate), address.as_slice()), (sessions.of(rate), session.as_bytes())]).await
    }

    /// Forgets who has been quiet.
    pub fn sweep(&self) {
        for limiters in [&self.addresses, &self.sessions].into_iter().flatten() {
            for limiter in [&limiters.read, &limiters.write, &limiters.credentials, &limiters.bulk] {
                limiter.sweep();
            }
        }
    }
}

impl Limiters {
    fn new(
        [read, write, credentials, bulk]: [&'static str; 4],
        quotas: Quotas,
        max_keys: usize,
        redis: Option<&Redis>,
    ) -> Self {
        let limiter = |name, quota: Quota| RateLimiter::new(name, quota, max_keys, redis);
        Self {
            read: limiter(read, quotas.read),
            write: limiter(write, quotas.write),
            credentials: limiter(credentials, quotas.credentials),
            bulk: limiter(bulk, quotas.bulk),
        }
    }

    fn of(&self, rate: Rate) -> &RateLimiter {
        match rate {
            Rate::Read => &self.read,
            Rate::Write => &self.write,
            Rate::Credentials => &self.credentials,
            Rate::Bulk => &self.bulk,
        }
    }
}

/// 429 `RATE_LIMITED`, unless the call may go on.
pub fn allow(decision: Option<Decision>) -> Result<(), Failure> {
    match decision {
        Some(Decision { allowed: false, retry_after_seconds, .. }) => {
            let message = "Too many requests; Retry-After says when the next one can succeed";
            let failure = Failure::new(ErrorKind::RateLimited, "RATE_LIMITED", message);
            Err(failure.retry_after(retry_after_seconds.unwrap_or(1)))
        }
        _ => Ok(()),
    }
}

/// The decision that the client is told: the one that will stop it first.
pub fn tighter(one: Option<Decision>, other: Option<Decision>) -> Option<Decision> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.remaining <= one.remaining { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Tells of a limit in an answer's headers.
pub fn tell(decision: &Decision, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(decision.limit));
    headers.insert(REMAINING, HeaderValue::from(decision.remaining));
    headers.insert(RESET, HeaderValue::from(decision.reset_seconds));
}
