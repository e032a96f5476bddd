//! Sessions that ended before their access tokens did.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Sessions whose tokens are refused, each until its last token has expired. Kept as it is told: this does not ask anybody.
#[derive(Default)]
pub struct EndedSessions {
    ended: RwLock<HashMap<Uuid, DateTime<Utc>>>,
    listeners: RwLock<Vec<Listener>>,
}

type Listener = Box<dyn Fn(Uuid) + Send + Sync>;

impl EndedSessions {
    /// Tokens of `session` are refused from now on; after `until` there are none.
    pub fn add(&self, session: Uuid, until: DateTime<Utc>) {
        let known = self.ended.write().unwrap_or_else(PoisonError::into_inner).insert(session, until);
        if known.is_none() {
            for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
                listener(session);
            }
        }
    }

    /// Calls `listener` with each session that ends from now on, when [`Self::has`] already knows it. It must not wait.
    pub fn on_end(&self, listener: impl Fn(Uuid) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    /// Whether the session has ended.
    pub fn has(&self, session: Uuid) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// All of them, with the time after which each can be forgotten.
    pub fn all(&self) -> Vec<(Uuid, DateTime<Utc>)> {
        self.ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(session, until)| (*session, *until))
            .collect()
    }

    /// Forgets those whose tokens have all expired at `now`; tells how many are left.
    pub fn forget_expired(&self, now: DateTime<Utc>) -> usize {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        ended.len()
    }
}
