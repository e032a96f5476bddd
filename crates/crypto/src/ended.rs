//! Sessions that ended before their access tokens did.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Sessions whose tokens are refused, each until its last token has expired. Kept as it is told: this does not ask anybody.
#[derive(Debug, Default)]
pub struct EndedSessions(RwLock<HashMap<Uuid, DateTime<Utc>>>);

impl EndedSessions {
    /// Tokens of `session` are refused from now on; after `until` there are none.
    pub fn add(&self, session: Uuid, until: DateTime<Utc>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(session, until);
    }

    /// Whether the session has ended.
    pub fn has(&self, session: Uuid) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// All of them, with the time after which each can be forgotten.
    pub fn all(&self) -> Vec<(Uuid, DateTime<Utc>)> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(session, until)| (*session, *until))
            .collect()
    }

    /// Forgets those whose tokens have all expired at `now`; tells how many are left.
    pub fn forget_expired(&self, now: DateTime<Utc>) -> usize {
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        ended.len()
    }
}
