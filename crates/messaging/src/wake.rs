//! Tells the relays of this process that an event was written.
//!
//! Why not LISTEN and NOTIFY: PostgreSQL commits transactions that notify one after another, under a lock that spans the
//! whole server, so the busiest moment would be the slowest. This hint costs nothing and reaches no other process; there
//! a slow poll takes its place. It comes before the commit, so a relay looks again after short and growing pauses.

use std::time::Duration;

use tokio::sync::Notify;

/// The first look after a hint: most transactions have committed by then, and a few events make one batch.
const SHORTEST: Duration = Duration::from_millis(8);
/// The poll when all is quiet: how late an event of another process can be.
const LONGEST: Duration = Duration::from_millis(200);

static WRITTEN: Notify = Notify::const_new();

/// An event was written, in a transaction that has yet to commit.
pub(crate) fn hint() {
    WRITTEN.notify_waiters();
}

/// How long to rest while there is nothing to do.
pub(crate) struct Pause(Duration);

impl Pause {
    pub(crate) fn new() -> Self {
        Self(SHORTEST)
    }

    /// There was work: soon there may be more.
    pub(crate) fn shorten(&mut self) {
        self.0 = SHORTEST;
    }

    /// Rests until the next look.
    pub(crate) async fn rest(&mut self) {
        let hinted = tokio::time::timeout(self.0, WRITTEN.notified()).await.is_ok();
        if hinted {
            self.0 = SHORTEST;
            tokio::time::sleep(SHORTEST).await;
        } else {
            self.0 = (self.0 * 2).min(LONGEST);
        }
    }
}
