//! One instance of a role: how it does, and how much it has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::uri::{Authority, Scheme};
use serde::Serialize;
use utoipa::ToSchema;

use super::config::UpstreamConfig;
use super::figures::InstanceFigures;
use super::pool::Pool;

/// How an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InstanceState)]
pub enum State {
    /// It takes requests.
    Ready,
    /// It says that it can't work: it gets requests only when no other can do better.
    NotReady,
    /// Requests to it failed one after the other: the same.
    Ejected,
    /// It doesn't answer at all: it gets none.
    Silent,
}

/// What it said when it was last asked.
const READY: u8 = 0;
const NOT_READY: u8 = 1;
const SILENT: u8 = 2;

/// An instance.
pub struct Instance {
    /// Its address as requests name it.
    pub scheme: Scheme,
    /// Its address as requests name it.
    pub authority: Authority,
    /// Its connections.
    pub pool: Pool,
    /// Its metrics.
    pub figures: InstanceFigures,
    born: Instant,
    load: AtomicUsize,
    said: AtomicU8,
    /// Checks without an answer, in a row.
    missed: AtomicU32,
    /// Milliseconds since `born` of the last sign of life.
    heard_ms: AtomicU64,
    /// Failed requests, in a row.
    failures: AtomicU32,
    /// How often it was ejected since it last did well for long enough.
    ejections: AtomicU32,
    /// Milliseconds since `born` until when it is ejected.
    ejected_until_ms: AtomicU64,
}

/// A request that an instance works on, until it is dropped.
pub struct Load(Arc<Instance>);

impl Instance {
    /// An instance that nothing is known of: it is taken to be ready.
    pub fn new(scheme: Scheme, authority: Authority, pool: Pool, figures: InstanceFigures) -> Self {
        Self {
            scheme,
            authority,
            pool,
            figures,
            born: Instant::now(),
            load: AtomicUsize::new(0),
            said: AtomicU8::new(READY),
            missed: AtomicU32::new(0),
            heard_ms: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejected_until_ms: AtomicU64::new(0),
        }
    }

    /// How it does.
    pub fn state(&self) -> State {
        match self.said.load(Ordering::Relaxed) {
            SILENT => State::Silent,
            _ if self.ejected_until_ms.load(Ordering::Relaxed) > self.now_ms() => State::Ejected,
            NOT_READY => State::NotReady,
            _ => State::Ready,
        }
    }

    /// Requests in work.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Counts a request.
    pub fn take(self: &Arc<Self>) -> Load {
        self.load.fetch_add(1, Ordering::Relaxed);
        Load(Arc::clone(self))
    }

    /// A request was answered.
    pub fn answered(&self, config: &UpstreamConfig) {
        let now = self.now_ms();
        self.heard_ms.store(now, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        let ejections = self.ejections.load(Ordering::Relaxed);
        // Once it has done well for as long as it was out, the past is forgotten.
        if ejections > 0 && now > self.ejected_until_ms.load(Ordering::Relaxed) + ejected_for(config, ejections) {
            self.ejections.store(0, Ordering::Relaxed);
        }
    }

    /// A request failed. Whether it was one too many.
    pub fn failed(&self, config: &UpstreamConfig) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= config.eject_after && self.state() != State::Ejected
    }

    /// Leaves it out for a while, longer each time. Then one more failure is enough.
    pub fn eject(&self, config: &UpstreamConfig) {
        let ejections = self.ejections.fetch_add(1, Ordering::Relaxed) + 1;
        let until = self.now_ms() + ejected_for(config, ejections);
        self.ejected_until_ms.store(until, Ordering::Relaxed);
        self.failures.store(config.eject_after.saturating_sub(1), Ordering::Relaxed);
        self.figures.ejections.increment(1);
    }

    /// It answered a check. Whether it was silent before.
    pub fn checked(&self, ready: bool) -> bool {
        self.heard_ms.store(self.now_ms(), Ordering::Relaxed);
        self.missed.store(0, Ordering::Relaxed);
        self.said.swap(if ready { READY } else { NOT_READY }, Ordering::Relaxed) == SILENT
    }

    /// It did not answer a check. Whether that makes it silent. An answered request since `asked` says more than a check
    /// that was late.
    pub fn missed(&self, asked: Instant, config: &UpstreamConfig) -> bool {
        if self.born + Duration::from_millis(self.heard_ms.load(Ordering::Relaxed)) > asked {
            return false;
        }
        let missed = self.missed.fetch_add(1, Ordering::Relaxed) + 1;
        missed >= config.silent_after && self.said.swap(SILENT, Ordering::Relaxed) != SILENT
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Milliseconds of the nth ejection.
fn ejected_for(config: &UpstreamConfig, ejections: u32) -> u64 {
    let doubled = 1_u64.checked_shl(ejections.saturating_sub(1)).unwrap_or(u64::MAX);
    config.eject_ms.saturating_mul(doubled).min(config.max_eject_ms)
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Load {
    /// The instance.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.0
    }
}
