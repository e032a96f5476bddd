//! Takes the live feed, which may double events and lose some, and makes of it each role's sequence.
//!
//! What is missing is read from the role's log. So is what a lost broker never brings: when the feed had a gap, or is
//! silent, the hub asks the log how far it is. While a log can't be read, its role's events wait; none is passed over.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::event_log::EventLogClient;
use events::Envelope;
use kernel::{Context, Failure};
use metrics::{counter, gauge};
use runtime::Tasks;
use rustix::process::{Resource, Rlimit};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::StreamConfig;
use super::event::Event;
use super::history::History;
use super::source::Source;

/// Events of the feed that may wait for the hub. What is over is read from the log.
const FEED: usize = 4096;
/// Events that are read from the log at once.
const FILL: u32 = 500;
/// How often the log is asked how far it is while the feed is silent, and tried again when it could not be read.
const LOOK: Duration = Duration::from_secs(1);
/// Time that a role has for an answer.
const BUDGET: Duration = Duration::from_secs(5);
/// Time that connections have to say good-bye when the process stops.
const GOODBYE: Duration = Duration::from_secs(5);

/// The events of all roles, for every connection of a gateway.
pub struct Hub {
    roles: Vec<Role>,
    history: History,
    closing: CancellationToken,
    connections: TaskTracker,
    next_connection: AtomicU64,
}

struct Role {
    source: Arc<Source>,
    feed: mpsc::Sender<Arc<Envelope>>,
    /// Told when the feed may have lost events.
    gap: Arc<Notify>,
    /// Taken by the task that works for this role.
    fed: Mutex<Option<mpsc::Receiver<Arc<Envelope>>>>,
}

impl Hub {
    /// A hub of the roles whose logs these are.
    pub fn new(logs: Vec<(&'static str, EventLogClient)>, config: &StreamConfig) -> Arc<Self> {
        let role = |(name, log)| {
            let (feed, fed) = mpsc::channel(FEED);
            let source = Arc::new(Source::new(name, log, config.recent_bytes));
            Role { source, feed, gap: Arc::default(), fed: Mutex::new(Some(fed)) }
        };
        Arc::new(Self {
            roles: logs.into_iter().map(role).collect(),
            history: History::new(),
            closing: CancellationToken::new(),
            connections: TaskTracker::new(),
            next_connection: AtomicU64::new(0),
        })
    }

    /// Takes an event of the live feed. Never waits: what there is no room for comes from the log.
    pub fn feed(&self, event: Arc<Envelope>) {
        if let Some(role) = self.roles.iter().find(|role| role.source.name == event.source)
            && role.feed.try_send(event).is_err()
        {
            counter!("stream_feed_overflow_total", "source" => role.source.name).increment(1);
        }
    }

    /// The live feed may have lost events: has the logs asked at once how far they are.
    pub fn note_gap(&self) {
        for role in &self.roles {
            role.gap.notify_one();
        }
    }

    /// Starts the work for each role. At shutdown connections are closed first.
    pub fn start(self: &Arc<Self>, tasks: &Tasks) {
        raise_file_limit();
        for role in &self.roles {
            let Some(fed) = role.fed.lock().unwrap_or_else(PoisonError::into_inner).take() else { continue };
            let (source, gap) = (Arc::clone(&role.source), Arc::clone(&role.gap));
            let follower = Follower { source, gap, waiting: BTreeMap::new(), retry_at: None };
            let stop = tasks.shutdown_token();
            tasks.spawn("gateway.stream", async move {
                stop.run_until_cancelled(Box::pin(follower.run(fed))).await;
                Ok::<_, Infallible>(())
            });
        }
        let (hub, stop) = (Arc::clone(self), tasks.shutdown_token());
        tasks.spawn("gateway.stream_connections", async move {
            stop.cancelled().await;
            hub.closing.cancel();
            hub.connections.close();
            // What is left then has a client that does not read; its socket goes with the process.
            drop(tokio::time::timeout(GOODBYE, hub.connections.wait()).await);
            Ok::<_, Infallible>(())
        });
    }

    /// Cancelled when connections are to be closed.
    pub(super) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Whether no connection is taken any more.
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Counts a connection while what is returned lives, and gives it a number.
    pub(super) fn connect(&self) -> (u64, tokio_util::task::task_tracker::TaskTrackerToken) {
        (self.next_connection.fetch_add(1, Ordering::Relaxed), self.connections.token())
    }

    /// The sequence of a role.
    pub(super) fn source(&self, name: &str) -> Option<&Arc<Source>> {
        self.roles.iter().map(|role| &role.source).find(|source| source.name == name)
    }

    /// The next events of `source` after `after`: recent ones, or a page of the log.
    pub(super) async fn after(&self, source: &Source, after: i64) -> Result<Vec<Arc<Event>>, Failure> {
        match source.recent_after(after) {
            Some(events) => Ok(events),
            None => self.history.after(source, after).await,
        }
    }
}

/// Each connection is a file: takes as many as the machine allows this process.
fn raise_file_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, files = limit.current, "the limit of open files stays as it is");
    }
}

/// What makes one role's sequence.
struct Follower {
    source: Arc<Source>,
    gap: Arc<Notify>,
    /// Events that came before their turn.
    waiting: BTreeMap<i64, Arc<Envelope>>,
    /// When a log that failed is tried again.
    retry_at: Option<Instant>,
}

impl Follower {
    async fn run(mut self, mut fed: mpsc::Receiver<Arc<Envelope>>) -> Infallible {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = true;
        loop {
            tokio::select! {
                // The hub holds the other end.
                Some(event) = fed.recv() => {
                    silent = false;
                    self.take(event);
                    while let Ok(event) = fed.try_recv() {
                        self.take(event);
                    }
                    self.advance();
                    if !self.waiting.is_empty() {
                        self.fill().await;
                    }
                }
                () = self.gap.notified() => self.look().await,
                _ = look.tick() => {
                    if silent || !self.waiting.is_empty() {
                        self.look().await;
                    }
                    silent = true;
                    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
                    gauge!("stream_recent_bytes", "source" => self.source.name).set(self.source.recent_bytes() as f64);
                }
            }
        }
    }

    fn take(&mut self, event: Arc<Envelope>) {
        let Some(sequence) = event.sequence else { return };
        // The log may be away when the gateway starts: the feed says as well where the sequence is.
        self.source.begin(sequence - 1);
        if self.source.position().is_some_and(|position| sequence <= position) || self.waiting.contains_key(&sequence) {
            counter!("stream_duplicates_total", "source" => self.source.name).increment(1);
            return;
        }
        if self.waiting.len() >= FEED {
            // The last ones are in the log as well.
            self.waiting.pop_last();
        }
        self.waiting.insert(sequence, event);
    }

    /// Delivers what is due.
    fn advance(&mut self) {
        while let Some(position) = self.source.position()
            && let Some(first) = self.waiting.first_entry()
            && *first.key() <= position + 1
        {
            let (sequence, envelope) = first.remove_entry();
            if sequence == position + 1 {
                self.source.deliver(&Arc::new(Event::new(&envelope, sequence)));
            }
        }
    }

    /// Asks the log how far it is, and reads what has not come.
    async fn look(&mut self) {
        let context = Context::system("gateway.stream", BUDGET);
        match self.source.log.last_sequence(&context).await {
            Ok(last) => {
                self.source.begin(last);
                if self.source.position().is_some_and(|position| position < last) || !self.waiting.is_empty() {
                    self.retry_at = None;
                    self.fill().await;
                }
            }
            Err(failure) => tracing::debug!(source = self.source.name, %failure, "a log does not answer"),
        }
    }

    /// Reads from the log what is missing before the events that wait, and what is behind them.
    async fn fill(&mut self) {
        if self.retry_at.is_some_and(|at| at > Instant::now()) {
            return;
        }
        loop {
            let Some(position) = self.source.position() else { return };
            let context = Context::system("gateway.stream", BUDGET);
            let page = match self.source.log.events_after(&context, position, FILL).await {
                Ok(page) => page,
                Err(failure) => {
                    tracing::warn!(source = self.source.name, %failure, "missing events can't be read yet");
                    counter!("stream_fill_failures_total", "source" => self.source.name).increment(1);
                    self.retry_at = Some(Instant::now() + LOOK);
                    return;
                }
            };
            counter!("stream_gaps_filled_total", "source" => self.source.name).increment(1);
            let full = u32::try_from(page.len()) == Ok(FILL);
            for envelope in page {
                if let Some(sequence) = envelope.sequence {
                    self.source.deliver(&Arc::new(Event::new(&envelope, sequence)));
                }
            }
            self.advance();
            self.retry_at = None;
            if !full {
                if !self.waiting.is_empty() {
                    // The log is behind the feed: a moment later it won't be.
                    self.retry_at = Some(Instant::now() + Duration::from_millis(50));
                }
                return;
            }
        }
    }
}
