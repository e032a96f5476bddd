//! Pauses before something that ended is started again.

use std::time::{Duration, Instant};

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Growing pauses; what ran for a while begins anew.
pub struct Pauses {
    next: Duration,
    started: Instant,
}

impl Pauses {
    /// Begins with the first.
    pub fn new() -> Self {
        Self { next: FIRST, started: Instant::now() }
    }

    /// Waits before the next start.
    pub async fn rest(&mut self) {
        if self.started.elapsed() > LONGEST * 2 {
            self.next = FIRST;
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST);
        self.started = Instant::now();
    }
}
