//! The seam between relay and consumers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use events::Envelope;
use futures_util::future::{BoxFuture, join_all};
use futures_util::{StreamExt, stream};
use thiserror::Error;
use uuid::Uuid;

use crate::consumer::Consumer;

/// The transport could not take a batch. The relay tries again.
#[derive(Debug, Error)]
#[error("the transport failed: {0}")]
pub struct TransportError(pub String);

/// What is called for an event in every process, such as to drop it from a cache. It must not fail: it logs.
pub type FanoutHandler = Arc<dyn Fn(Arc<Envelope>) -> BoxFuture<'static, ()> + Send + Sync>;

/// What is called when events may have passed by the listeners of this process: whatever they know is out of date.
pub type GapHandler = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Takes events from relays to consumers.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Takes a batch, in order of sequence. Returns when none of it can be lost any more.
    async fn publish(&self, batch: &[Arc<Envelope>]) -> Result<(), TransportError>;

    /// Delivers every event of the consumer's kinds to it, at least once, each object's in order.
    fn subscribe(&self, consumer: Consumer);

    /// Calls `handler` in this process for every event of `kinds` while the process lives.
    fn subscribe_fanout(&self, kinds: &'static [&'static str], handler: FanoutHandler);

    /// Calls `handler` each time that events begin to come to this process' fan-out subscriptions: what was published
    /// before, since the start or while the broker was away, may have been missed. A transport within the process
    /// misses nothing and never calls it.
    fn on_gap(&self, _handler: GapHandler) {}

    /// Whether it connects processes: then others write to the log as well, and another relay stands by.
    fn is_shared(&self) -> bool {
        false
    }
}

/// The listeners of one process.
#[derive(Clone, Default)]
pub(crate) struct Fanout {
    handlers: Vec<(&'static [&'static str], FanoutHandler)>,
    gaps: Vec<GapHandler>,
}

impl Fanout {
    pub(crate) fn add(&mut self, kinds: &'static [&'static str], handler: FanoutHandler) {
        self.handlers.push((kinds, handler));
    }

    pub(crate) fn on_gap(&mut self, handler: GapHandler) {
        self.gaps.push(handler);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    /// Every kind that somebody listens to.
    pub(crate) fn kinds(&self) -> BTreeSet<&'static str> {
        self.handlers.iter().flat_map(|(kinds, _)| kinds.iter().copied()).collect()
    }

    pub(crate) async fn tell(&self, event: &Arc<Envelope>) {
        for (_, handler) in self.handlers.iter().filter(|(kinds, _)| kinds.contains(&event.kind.as_str())) {
            handler(Arc::clone(event)).await;
        }
    }

    pub(crate) async fn tell_gap(&self) {
        for handler in &self.gaps {
            handler().await;
        }
    }
}

/// How many objects a consumer handles events of at once.
const CONCURRENT_OBJECTS: usize = 4;

/// The transport of one process: publishing is done when every consumer has committed, so there is nothing between the
/// log and the consumers that could be lost.
#[derive(Clone, Default)]
pub struct InProcess {
    subscribers: Arc<RwLock<Subscribers>>,
}

#[derive(Clone, Default)]
struct Subscribers {
    durable: Vec<Arc<Consumer>>,
    fanout: Fanout,
}

impl InProcess {
    /// A transport that nobody listens to yet. Clones are the same transport.
    pub fn new() -> Self {
        Self::default()
    }

    fn subscribers(&self) -> Subscribers {
        self.subscribers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn publish(&self, batch: &[Arc<Envelope>]) -> Result<(), TransportError> {
        let Subscribers { durable, fanout } = self.subscribers();
        for event in batch {
            fanout.tell(event).await;
        }
        join_all(durable.iter().map(|consumer| deliver(consumer, batch))).await;
        Ok(())
    }

    fn subscribe(&self, consumer: Consumer) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.durable.push(Arc::new(consumer));
    }

    fn subscribe_fanout(&self, kinds: &'static [&'static str], handler: FanoutHandler) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.fanout.add(kinds, handler);
    }
}

/// One object's events one after the other, several objects at once.
async fn deliver(consumer: &Consumer, batch: &[Arc<Envelope>]) {
    let mut objects: HashMap<Uuid, Vec<Arc<Envelope>>> = HashMap::new();
    for event in batch.iter().filter(|event| consumer.kinds.contains(&event.kind.as_str())) {
        objects.entry(event.aggregate_id).or_default().push(Arc::clone(event));
    }
    stream::iter(objects.into_values())
        .for_each_concurrent(CONCURRENT_OBJECTS, |events| async move {
            for event in events {
                consumer.deliver(&event).await;
            }
        })
        .await;
}
