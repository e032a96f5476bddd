//! What the hub knows of one role: how far its sequence has come, its recent events, who follows what.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::event_log::EventLogClient;
use tokio::sync::{Notify, mpsc};

use super::event::Event;
use super::topic::Key;

/// Recent events that are read at once.
pub const PAGE: usize = 256;

/// The end of a connection that the hub holds.
pub struct Outlet {
    /// The connection.
    pub id: u64,
    /// Live events.
    pub queue: mpsc::Sender<Arc<Event>>,
    /// Bytes of those that wait.
    pub queued_bytes: AtomicUsize,
    /// Most bytes that may wait.
    pub max_bytes: usize,
    /// Told when more would have waited than may.
    pub overflow: Notify,
}

impl Outlet {
    /// Whether it took the event.
    fn offer(&self, event: &Arc<Event>) -> bool {
        let weight = event.weight();
        let waiting = self.queued_bytes.fetch_add(weight, Ordering::Relaxed);
        let took = waiting + weight <= self.max_bytes && self.queue.try_send(Arc::clone(event)).is_ok();
        if !took {
            self.overflow.notify_one();
        }
        took
    }
}

/// One role's sequence.
pub struct Source {
    /// The role.
    pub name: &'static str,
    /// Its log.
    pub log: EventLogClient,
    max_recent_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last event that was delivered; none until the sequence is known.
    position: Option<i64>,
    /// The events up to there, without gaps.
    recent: VecDeque<Arc<Event>>,
    recent_bytes: usize,
    followers: HashMap<Key, HashMap<u64, Arc<Outlet>>>,
}

impl Source {
    /// A role of which nothing is known yet.
    pub fn new(name: &'static str, log: EventLogClient, max_recent_bytes: usize) -> Self {
        Self { name, log, max_recent_bytes, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the sequence has come.
    pub fn position(&self) -> Option<i64> {
        self.lock().position
    }

    /// Begins behind `position`, unless it has begun.
    pub fn begin(&self, position: i64) {
        self.lock().position.get_or_insert(position);
    }

    /// Hands the next event of the sequence to all who follow it. What is not the next is not taken.
    pub fn deliver(&self, event: &Arc<Event>) {
        let mut state = self.lock();
        if state.position.is_none_or(|position| position + 1 != event.sequence) {
            return;
        }
        state.position = Some(event.sequence);
        state.recent_bytes += event.weight();
        state.recent.push_back(Arc::clone(event));
        while state.recent_bytes > self.max_recent_bytes {
            let Some(oldest) = state.recent.pop_front() else { break };
            state.recent_bytes -= oldest.weight();
        }
        if event.kind.is_some() {
            for key in event.keys() {
                if let Some(followers) = state.followers.get_mut(&key) {
                    followers.retain(|_, outlet| outlet.offer(event));
                }
            }
        }
    }

    /// Recent events after `after`, if they are all still there.
    pub fn recent_after(&self, after: i64) -> Option<Vec<Arc<Event>>> {
        let state = self.lock();
        let first = state.recent.front()?.sequence;
        let skip = usize::try_from(after + 1 - first).ok()?;
        Some(state.recent.iter().skip(skip).take(PAGE).cloned().collect())
    }

    /// Bytes of recent events.
    pub fn recent_bytes(&self) -> usize {
        self.lock().recent_bytes
    }

    /// Has `outlet` follow `keys` from now on, if no event lies between `cursor` and now.
    pub fn join(&self, outlet: &Arc<Outlet>, keys: &HashSet<Key>, cursor: i64) -> bool {
        let mut state = self.lock();
        if state.position.is_none_or(|position| position > cursor) {
            return false;
        }
        for key in keys {
            state.followers.entry(*key).or_default().insert(outlet.id, Arc::clone(outlet));
        }
        true
    }

    /// Has `outlet` follow `now` instead of `before`, with nothing missed in between.
    pub fn change(&self, outlet: &Arc<Outlet>, before: &HashSet<Key>, now: &HashSet<Key>) {
        let mut state = self.lock();
        for key in before.difference(now) {
            if let Some(followers) = state.followers.get_mut(key) {
                followers.remove(&outlet.id);
                if followers.is_empty() {
                    state.followers.remove(key);
                }
            }
        }
        for key in now.difference(before) {
            state.followers.entry(*key).or_default().insert(outlet.id, Arc::clone(outlet));
        }
    }
}
