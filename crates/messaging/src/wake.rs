//! Tells the relays of this process that an event was written.
//!
//! Why not LISTEN and NOTIFY: PostgreSQL commits transactions that notify one after another, under a lock that spans the
//! whole server, so the busiest moment would be the slowest. This hint costs nothing and reaches no other process; there
//! a slow poll takes its place. It comes before the commit, so a relay looks again after short and growing pauses.

use std::time::Duration;

use tokio::sync::Notify;

/// The first look after a hint: most transactions have committed by then, and a few events make one batch.
const SHORTEST: Duration = Duration::from_millis(8);
/// The poll when all is quiet and all writers are in this process: only a command that writes beside it waits so long.
const LONGEST: Duration = Duration::from_millis(200);
/// The poll when writers are in other processes too: how late their events can be.
const LONGEST_SHARED: Duration = Duration::from_millis(25);

static WRITTEN: Notify = Notify::const_new();

/// An event was written, in a transaction that has yet to commit.
pub(crate) fn hint() {
    WRITTEN.notify_waiters();
}

/// How long to rest while there is nothing to do.
pub(crate) struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    /// Whether writers are in other processes too decides how long the longest is.
    pub(crate) fn new(is_shared: bool) -> Self {
        Self { next: SHORTEST, longest: if is_shared { LONGEST_SHARED } else { LONGEST } }
    }

    /// There was work: soon there may be more.
    pub(crate) fn shorten(&mut self) {
        self.next = SHORTEST;
    }

    /// Rests until the next look.
    pub(crate) async fn rest(&mut self) {
        let hinted = tokio::time::timeout(self.next, WRITTEN.notified()).await.is_ok();
        if hinted {
            self.next = SHORTEST;
            tokio::time::sleep(SHORTEST).await;
        } else {
            self.next = (self.next * 2).min(self.longest);
        }
    }
}
