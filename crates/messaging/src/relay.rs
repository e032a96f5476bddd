//! Numbers committed events and hands them to the transport: one relay per role, whichever process it runs in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::Utc;
use events::Envelope;
use pg::Db;
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::store::events::EventRow;
use crate::transport::Transport;
use crate::wake::Pause;
use crate::{failpoint, store};

/// Events that are numbered and published at once.
const BATCH: i64 = 1_000;
/// How long events gather after a batch that was not full.
const GATHER: Duration = Duration::from_millis(2);
/// How often a relay that is not the one looks whether it can be.
const STANDBY: Duration = Duration::from_secs(1);
/// How long a statement may stay without an answer; the server itself stops one much sooner.
const SILENCE: Duration = Duration::from_mins(2);
/// How long a relay between processes may say nothing to the server before another takes its place: it may be frozen.
const FROZEN: Duration = Duration::from_secs(15);
/// How often the backlog is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// Rows of the backlog are counted up to here: a count of a long queue would slow it down more.
const COUNTED: i64 = 100_000;

/// What waits in a role's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Events that are committed but not published.
    pub events: i64,
    /// How long the oldest of them waits.
    pub seconds: i64,
    /// Events that this role's consumers gave up on, or put behind such.
    pub dead_letters: i64,
}

/// What waits in a role's database. Counts stop at 100,000.
pub async fn backlog(db: &Db) -> Result<Backlog, sqlx::Error> {
    let mut conn = db.primary().acquire().await?;
    store::relay::backlog(&mut conn, COUNTED).await
}

/// The relay of one role.
pub struct Relay {
    db: Db,
    transport: Arc<dyn Transport>,
}

impl Relay {
    /// A relay from the log in `db` to `transport`.
    pub fn new(db: Db, transport: Arc<dyn Transport>) -> Self {
        Self { db, transport }
    }

    /// Runs until `shutdown`. Every process of a role may run one: one works, the others stand by. Whenever it is cut
    /// off, by a crash or a lost connection, the next one goes on behind the last event that was published for sure.
    pub async fn run(&self, shutdown: CancellationToken) {
        let run = async { tokio::join!(self.run_forever(), self.measure_forever()) };
        // On the heap: whoever spawns this would else carry its whole state about.
        shutdown.run_until_cancelled(Box::pin(run)).await;
    }

    async fn run_forever(&self) {
        let mut pauses = None;
        loop {
            let started = Instant::now();
            let Err(error) = self.lead().await;
            tracing::warn!(%error, role = self.db.role(), "the relay lost its connection and starts again");
            if started.elapsed() > MEASURE {
                pauses = None;
            }
            let pause = pauses.get_or_insert_with(pauses_of_failures).next();
            tokio::time::sleep(pause.unwrap_or(STANDBY)).await;
        }
    }

    /// Shows the backlog, also while the relay itself is stuck.
    async fn measure_forever(&self) {
        let role = self.db.role();
        loop {
            if let Ok(Backlog { events, seconds, dead_letters }) = backlog(&self.db).await {
                metrics::gauge!("events_unpublished", "role" => role).set(precise(events));
                metrics::gauge!("events_unpublished_seconds", "role" => role).set(precise(seconds));
                metrics::gauge!("events_dead_letters", "role" => role).set(precise(dead_letters));
            }
            tokio::time::sleep(MEASURE).await;
        }
    }

    /// Waits until this is the role's only relay, then works until the connection is lost.
    async fn lead(&self) -> Result<std::convert::Infallible, sqlx::Error> {
        // A session of its own: the lock lives with it, and it must not go back to the pool.
        let mut conn = self.db.primary().acquire().await?.detach();
        let is_shared = self.transport.is_shared();
        store::relay::prepare(&mut conn, is_shared.then_some(FROZEN)).await?;
        while !answered(store::relay::try_lead(&mut conn)).await? {
            tokio::time::sleep(STANDBY).await;
        }
        self.catch_up(&mut conn).await?;
        let mut last = store::relay::last_sequence(&mut conn).await?;
        let mut pause = Pause::new(is_shared);
        loop {
            let rows = answered(store::relay::sequence_next(&mut conn, last, BATCH)).await?;
            if rows.is_empty() {
                pause.rest().await;
                continue;
            }
            let full = i64::try_from(rows.len()) == Ok(BATCH);
            last = rows.last().and_then(|row| row.sequence).unwrap_or(last);
            self.publish(&mut conn, rows).await?;
            pause.shorten();
            // While many write, a batch costs hardly more than one event: give them the time to make one.
            if !full {
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Publishes what an earlier relay numbered but did not see through.
    async fn catch_up(&self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        loop {
            let rows = store::relay::unpublished(conn, BATCH).await?;
            if rows.is_empty() {
                return Ok(());
            }
            self.publish(conn, rows).await?;
        }
    }

    /// Hands events over, as often as it takes, and only then moves on.
    async fn publish(&self, conn: &mut PgConnection, rows: Vec<EventRow>) -> Result<(), sqlx::Error> {
        let role = self.db.role();
        let batch: Vec<Arc<Envelope>> = rows.into_iter().map(|row| Arc::new(row.into_envelope(role))).collect();
        let mut pauses = pauses_of_failures();
        while let Err(error) = self.transport.publish(&failpoint::published_part(&batch)).await {
            tracing::warn!(%error, role, "events could not be published and are tried again");
            metrics::counter!("events_publish_failures_total", "role" => role).increment(1);
            tokio::time::sleep(pauses.next().unwrap_or(STANDBY)).await;
            // Another relay works if this session is gone.
            conn.ping().await?;
        }
        if let Some(last) = batch.last().and_then(|event| event.sequence) {
            answered(store::relay::set_published(conn, last)).await?;
        }
        metrics::counter!("events_published_total", "role" => role).increment(batch.len() as u64);
        if let Some(oldest) = batch.first() {
            let delay = (Utc::now() - oldest.occurred_at).to_std().unwrap_or_default();
            metrics::histogram!("events_publish_delay_seconds", "role" => role).record(delay.as_secs_f64());
        }
        Ok(())
    }
}

/// The answer to a statement, or an error when the server has vanished without a word: no answer ever comes then.
async fn answered<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let silent = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(SILENCE, statement).await.map_err(silent)?
}

fn pauses_of_failures() -> backon::ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter()
        .build()
}

/// A count as the floating-point number that a gauge takes.
fn precise(count: i64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
