//! Sign-ins and their refresh tokens.
//!
//! A refresh token is good for one use: it gives the next one. All tokens of a sign-in form a session. When a used token
//! comes again, somebody else has a copy, and the whole session ends.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// A session ends when it was not refreshed for so long.
pub const IDLE_LIFE: TimeDelta = TimeDelta::days(30);
/// A session ends at this age in any case.
pub const LONGEST_LIFE: TimeDelta = TimeDelta::days(90);
/// For so long a client that lost the answer may ask again with the same `Idempotency-Key`.
pub const RETRY_GRACE: TimeDelta = TimeDelta::seconds(60);

/// When a session that is refreshed at `now` ends unless it is refreshed again.
pub fn expiry(started_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    (now + IDLE_LIFE).min(started_at + LONGEST_LIFE)
}

/// A refresh token that a client sent, with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedToken {
    /// The token's row.
    pub token_id: Uuid,
    /// Its session.
    pub session_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// When the session began.
    pub started_at: DateTime<Utc>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
    /// Whether it gave its successor already.
    pub is_used: bool,
    /// Whether the session was ended.
    pub is_revoked: bool,
}

/// What to do with a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Give the next one.
    Rotate,
    /// Refuse.
    Refuse,
    /// Refuse, and end the session: the token was used before.
    Revoke,
}

impl PresentedToken {
    /// Judges the token at `now`.
    pub fn judge(&self, now: DateTime<Utc>) -> Verdict {
        if self.is_used {
            Verdict::Revoke
        } else if self.is_revoked || now >= self.expires_at {
            Verdict::Refuse
        } else {
            Verdict::Rotate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_thirty_days_from_the_last_refresh_and_ninety_in_all() {
        let start = DateTime::UNIX_EPOCH;
        assert_eq!(expiry(start, start), start + TimeDelta::days(30));
        assert_eq!(expiry(start, start + TimeDelta::days(29)), start + TimeDelta::days(59));
        assert_eq!(expiry(start, start + TimeDelta::days(80)), start + TimeDelta::days(90));
    }

    #[test]
    fn a_used_token_ends_the_session_even_when_it_is_revoked_or_expired() {
        let now = DateTime::UNIX_EPOCH;
        let fresh = PresentedToken {
            token_id: Uuid::nil(),
            session_id: Uuid::nil(),
            user_id: Uuid::nil(),
            started_at: now,
            expires_at: now + TimeDelta::days(1),
            is_used: false,
            is_revoked: false,
        };
        assert_eq!(fresh.judge(now), Verdict::Rotate);
        assert_eq!(fresh.judge(fresh.expires_at), Verdict::Refuse);
        assert_eq!(PresentedToken { is_revoked: true, ..fresh }.judge(now), Verdict::Refuse);
        assert_eq!(PresentedToken { is_used: true, is_revoked: true, ..fresh }.judge(now), Verdict::Revoke);
    }
}
