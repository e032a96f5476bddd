//! The transport between processes, over RabbitMQ.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | [`RabbitMqConfig`]: the settings |
//! | [`link`] | a connection that is made anew when it was lost |
//! | [`topology`] | exchange and queues, and their names |
//! | [`message`] | events and calls as messages |
//! | [`publisher`] | publishing with confirms |
//! | [`consuming`], [`lanes`] | a consumer's messages; one object's one after the other |
//! | [`fanout`] | events for every process |
//! | [`mended`] | copies of dead letters that are not dead any more |
//!
//! What is put aside, how often it was tried and what waits behind it is in PostgreSQL, in one transaction with the
//! consumer's changes ([`crate::dead_letters`]). The broker carries the calls to try again: a message that waits in a
//! queue for the pause and then comes to the consumer. A call may be lost or come twice: one that comes late or again finds
//! that the letter was tried meanwhile, and when a consumer begins, it sends a call for everything that is to be tried.

pub mod config;
mod consuming;
mod fanout;
mod lanes;
mod link;
mod mended;
mod message;
mod publisher;
mod topology;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use events::Envelope;
use lapin::uri::{AMQPScheme, AMQPUri};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::RabbitMqConfig;

use self::link::Link;
use self::message::Outgoing;
use self::publisher::Publisher;
use self::topology::{Listener, Names};
use crate::consumer::Consumer;
use crate::transport::{Fanout, FanoutHandler, GapHandler, Transport, TransportError};

/// How often queues are measured.
const MEASURE: Duration = Duration::from_secs(5);
/// The longest pause before the broker is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The settings are no good.
#[derive(Debug, Error)]
pub enum RabbitMqError {
    /// The address cannot be read.
    #[error("rabbitmq.url is not an address such as amqp://user:password@host:5672/vhost")]
    Url,
    /// The file of the authority cannot be read.
    #[error("rabbitmq.authority cannot be read: {0}")]
    Authority(std::io::Error),
    /// The authority would be asked for nothing.
    #[error("rabbitmq.authority is set, but rabbitmq.url is not amqps://")]
    NotTls,
}

/// The transport over RabbitMQ. Clones are the same transport. [`RabbitMq::run`] does the consuming.
#[derive(Clone)]
pub struct RabbitMq(Arc<Broker>);

struct Broker {
    names: Names,
    prefetch: u16,
    publisher: Publisher,
    consuming: Link,
    consumers: RwLock<Vec<Arc<Consumer>>>,
    /// Consumers whose queues must be there before anything is published, here or in other processes.
    listeners: RwLock<Vec<Listener>>,
    fanout: RwLock<Fanout>,
    /// Counts subscriptions, so that [`RabbitMq::run`] hears of one that comes later.
    subscriptions: watch::Sender<usize>,
    /// The consumers that are subscribed at the broker now.
    subscribed: Mutex<HashSet<&'static str>>,
}

impl RabbitMq {
    /// A transport to the broker of these settings. Connects when it is first needed.
    pub fn new(config: &RabbitMqConfig) -> Result<Self, RabbitMqError> {
        let uri: AMQPUri = config.url.expose().parse().map_err(|_| RabbitMqError::Url)?;
        if config.authority.is_some() && uri.scheme != AMQPScheme::AMQPS {
            return Err(RabbitMqError::NotTls);
        }
        let authority = config.authority.as_ref().map(std::fs::read_to_string).transpose();
        let authority = authority.map_err(RabbitMqError::Authority)?;
        Ok(Self(Arc::new(Broker {
            names: Names::new(config),
            prefetch: config.prefetch,
            publisher: Publisher::new(Link::new(uri.clone(), authority.clone(), "publishing")),
            consuming: Link::new(uri, authority, "consuming"),
            consumers: RwLock::default(),
            listeners: RwLock::default(),
            fanout: RwLock::default(),
            subscriptions: watch::Sender::new(0),
            subscribed: Mutex::default(),
        })))
    }

    /// Makes the queue of a consumer before anything is published, although it is another process that consumes. An event
    /// that is published before there is a queue reaches nobody, so every process that publishes must expect every
    /// consumer of the shop.
    pub fn expect(&self, name: &'static str, kinds: &'static [&'static str]) {
        let mut listeners = self.0.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if !listeners.iter().any(|listener| listener.name == name) {
            listeners.push(Listener { name, kinds });
        }
    }

    /// Consumes until `stop`, and then finishes what is begun. Survives the loss of the broker, for however long.
    pub async fn run(&self, stop: CancellationToken) {
        let mut subscriptions = self.0.subscriptions.subscribe();
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&self.0).fan_out_forever(stop.clone()));
        tasks.spawn(Arc::clone(&self.0).measure_forever(stop.clone()));
        let mut begun = 0;
        loop {
            let consumers = self.0.consumers.read().unwrap_or_else(PoisonError::into_inner).clone();
            for consumer in &consumers[begun..] {
                tasks.spawn(Arc::clone(&self.0).consume_forever(Arc::clone(consumer), stop.clone()));
            }
            begun = consumers.len();
            tokio::select! {
                Ok(()) = subscriptions.changed() => {}
                () = stop.cancelled() => break,
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Removes the copies of a consumer's dead letters that are not dead any more. Gives how many.
    pub async fn forget_mended(&self, consumer: &Consumer) -> Result<usize, TransportError> {
        mended::forget(&self.0, consumer).await
    }

    /// Whether the broker answers and this process' consumers are subscribed.
    pub async fn check(&self) -> Result<(), TransportError> {
        self.0.publisher.is_connected().await?;
        let consumers = self.0.consumers.read().unwrap_or_else(PoisonError::into_inner);
        let subscribed = self.0.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        match consumers.iter().find(|consumer| !subscribed.contains(consumer.name)) {
            Some(consumer) => Err(TransportError(format!("{} is not subscribed", consumer.name))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Transport for RabbitMq {
    async fn publish(&self, batch: &[Arc<Envelope>]) -> Result<(), TransportError> {
        let listeners = self.0.listeners();
        // Somebody must get it: a queue that has vanished is made again, and the event published once more.
        let is_awaited = |kind: &str| listeners.iter().any(|listener| listener.kinds.contains(&kind));
        let exchange = &self.0.names.exchange;
        let messages = batch.iter().map(|event| message::event(exchange, event, is_awaited(&event.kind)));
        let messages = messages.collect::<Result<_, _>>()?;
        self.0.publisher.publish(&self.0.names, &listeners, messages).await
    }

    fn subscribe(&self, consumer: Consumer) {
        self.expect(consumer.name, consumer.kinds);
        self.0.consumers.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(consumer));
        self.0.subscriptions.send_modify(|count| *count += 1);
    }

    fn subscribe_fanout(&self, kinds: &'static [&'static str], handler: FanoutHandler) {
        self.0.fanout.write().unwrap_or_else(PoisonError::into_inner).add(kinds, handler);
        self.0.subscriptions.send_modify(|count| *count += 1);
    }

    fn on_gap(&self, handler: GapHandler) {
        self.0.fanout.write().unwrap_or_else(PoisonError::into_inner).on_gap(handler);
        self.0.subscriptions.send_modify(|count| *count += 1);
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl Broker {
    fn listeners(&self) -> Vec<Listener> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send(&self, messages: Vec<Outgoing>) -> Result<(), TransportError> {
        self.publisher.publish(&self.names, &self.listeners(), messages).await
    }

    fn set_subscribed(&self, consumer: &'static str, is_subscribed: bool) {
        let mut subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if is_subscribed {
            subscribed.insert(consumer);
        } else {
            subscribed.remove(consumer);
        }
    }

    async fn consume_forever(self: Arc<Self>, consumer: Arc<Consumer>, stop: CancellationToken) {
        let mut pauses = Pauses::new();
        while !stop.is_cancelled() {
            let outcome = consuming::consume(&self, &consumer, &stop).await;
            self.set_subscribed(consumer.name, false);
            if let Err(error) = outcome {
                tracing::warn!(%error, consumer = consumer.name, "a consumer has lost the broker and begins again");
                stop.run_until_cancelled(pauses.rest()).await;
            }
        }
    }

    async fn fan_out_forever(self: Arc<Self>, stop: CancellationToken) {
        let mut subscriptions = self.subscriptions.subscribe();
        let mut pauses = Pauses::new();
        while !stop.is_cancelled() {
            subscriptions.mark_unchanged();
            let fanout = self.fanout.read().unwrap_or_else(PoisonError::into_inner).clone();
            let work = async {
                if fanout.is_empty() {
                    // Fails only when nobody can subscribe any more.
                    let _ = subscriptions.changed().await;
                    return Ok(());
                }
                fanout::fan_out(&self, &fanout, &mut subscriptions).await
            };
            if let Some(Err(error)) = stop.run_until_cancelled(work).await {
                tracing::warn!(%error, "this process has lost the broker and begins again");
                stop.run_until_cancelled(pauses.rest()).await;
            }
        }
    }

    /// Shows how much waits in the queues of this process' consumers.
    async fn measure_forever(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // Without the broker there is nothing to tell; others say so.
            let _ = stop.run_until_cancelled(self.measure()).await;
            stop.run_until_cancelled(tokio::time::sleep(MEASURE)).await;
        }
    }

    async fn measure(&self) -> Result<(), TransportError> {
        let consumers = self.consumers.read().unwrap_or_else(PoisonError::into_inner).clone();
        if consumers.is_empty() {
            return Ok(());
        }
        let channel = self.consuming.channel().await?;
        for consumer in consumers {
            for (which, queue) in
                [("events", self.names.queue(consumer.name)), ("dead", self.names.dead(consumer.name))]
            {
                let waiting = topology::depth(&channel, &queue).await?;
                let gauge = metrics::gauge!("broker_queue_messages", "consumer" => consumer.name, "queue" => which);
                gauge.set(f64::from(waiting));
            }
        }
        link::close(&channel).await
    }
}

/// Growing pauses while the broker cannot be used.
struct Pauses {
    growing: ExponentialBackoff,
    last: Instant,
}

impl Pauses {
    fn new() -> Self {
        let growing = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .with_jitter();
        Self { growing: growing.build(), last: Instant::now() }
    }

    /// Rests, longer each time; after a while without a failure it begins anew.
    async fn rest(&mut self) {
        if self.last.elapsed() > LONGEST_PAUSE * 5 {
            *self = Self::new();
        }
        tokio::time::sleep(self.growing.next().unwrap_or(LONGEST_PAUSE)).await;
        self.last = Instant::now();
    }
}
