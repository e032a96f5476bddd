//! Who is connected: bounds on the number in all, from one address, of one session; and which session has ended.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypto::EndedSessions;
use kernel::{ErrorKind, Failure};
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::config::StreamConfig;
use crate::client::limit_key;

/// Who is connected.
pub struct Places {
    max: usize,
    max_per_address: usize,
    max_per_session: usize,
    taken: Mutex<Taken>,
    ended: Arc<EndedSessions>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    addresses: HashMap<u64, usize>,
    sessions: HashMap<Uuid, OfSession>,
}

/// The connections of one session.
#[derive(Default)]
struct OfSession {
    count: usize,
    ended: CancellationToken,
}

/// One connection's place, free again when dropped.
pub struct Place {
    places: Arc<Places>,
    address: u64,
    session: Option<Uuid>,
    ended: CancellationToken,
}

impl Places {
    /// As many as `config` says, told of the sessions that end.
    pub fn new(config: &StreamConfig, ended: &Arc<EndedSessions>) -> Arc<Self> {
        let places = Arc::new(Self {
            max: config.max_connections,
            max_per_address: config.max_connections_per_address,
            max_per_session: config.max_connections_per_session,
            taken: Mutex::default(),
            ended: Arc::clone(ended),
        });
        let told = Arc::downgrade(&places);
        ended.on_end(move |session| {
            if let Some(places) = told.upgrade()
                && let Some(of_session) = places.lock().sessions.get(&session)
            {
                of_session.ended.cancel();
            }
        });
        places
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections now.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    /// A place for a connection from `address`. Failures: 503 `OVERLOADED`, 429 `TOO_MANY_CONNECTIONS`.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Failure> {
        let address = limit_key(address);
        let mut taken = self.lock();
        if taken.all >= self.max {
            counter!("stream_refused_total", "bound" => "all").increment(1);
            let message = "The server has as many connections as it can; try again";
            return Err(Failure::new(ErrorKind::Unavailable, "OVERLOADED", message).retry_after(5));
        }
        let of_address = taken.addresses.entry(address).or_default();
        if *of_address >= self.max_per_address {
            counter!("stream_refused_total", "bound" => "address").increment(1);
            return Err(too_many());
        }
        *of_address += 1;
        taken.all += 1;
        show(&taken);
        Ok(Place { places: Arc::clone(self), address, session: None, ended: CancellationToken::new() })
    }
}

impl Place {
    /// Counts the connection as one of `session`. Failure: 429 `TOO_MANY_CONNECTIONS`.
    pub fn take_session(&mut self, session: Uuid) -> Result<(), Failure> {
        if self.session == Some(session) {
            return Ok(());
        }
        let mut taken = self.places.lock();
        let of_session = taken.sessions.entry(session).or_default();
        if of_session.count >= self.places.max_per_session {
            counter!("stream_refused_total", "bound" => "session").increment(1);
            return Err(too_many());
        }
        of_session.count += 1;
        self.ended = of_session.ended.clone();
        if let Some(before) = self.session.replace(session) {
            leave_session(&mut taken.sessions, &before);
        }
        drop(taken);
        // It may have ended since its token was checked, before anybody could be told here.
        if self.places.ended.has(session) {
            self.ended.cancel();
        }
        Ok(())
    }

    /// Cancelled when the session of this connection has ended.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(of_address) = taken.addresses.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.addresses.remove(&self.address);
            }
        }
        if let Some(session) = self.session {
            leave_session(&mut taken.sessions, &session);
        }
        show(&taken);
    }
}

fn leave_session(sessions: &mut HashMap<Uuid, OfSession>, session: &Uuid) {
    if let Some(of_session) = sessions.get_mut(session) {
        of_session.count -= 1;
        if of_session.count == 0 {
            sessions.remove(session);
        }
    }
}

fn show(taken: &Taken) {
    gauge!("stream_connections").set(u32::try_from(taken.all).unwrap_or(u32::MAX));
}

fn too_many() -> Failure {
    let message = "There are too many open connections of this client";
    Failure::new(ErrorKind::RateLimited, "TOO_MANY_CONNECTIONS", message).retry_after(30)
}
