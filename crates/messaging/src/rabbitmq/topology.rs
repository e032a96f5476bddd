//! What we have in the broker: an exchange, and for each consumer a queue, queues of pauses, and a queue of the dead.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::config::{RETRIES, RabbitMqConfig};
use super::link::answered;
use crate::transport::TransportError;

/// Dead letters that the broker keeps a copy of, for each consumer. The letters themselves are in PostgreSQL.
const DEAD_COPIES: i32 = 10_000;
/// A queue's own count of deliveries must never throw an event away: newer brokers do so after 20.
const DELIVERIES: i64 = 1_000_000_000;

/// A durable consumer as the broker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) name: &'static str,
    pub(super) kinds: &'static [&'static str],
}

/// Names in the broker.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) exchange: String,
    retry_ms: [u32; RETRIES],
}

impl Names {
    pub(super) fn new(config: &RabbitMqConfig) -> Self {
        Self { exchange: config.exchange.clone(), retry_ms: config.retry_ms }
    }

    /// The queue of a consumer's events.
    pub(super) fn queue(&self, consumer: &str) -> String {
        format!("{}.{consumer}", self.exchange)
    }

    /// The queue in which calls wait for the pause after so many tries.
    pub(super) fn pause(&self, consumer: &str, tries: i32) -> String {
        let index = usize::try_from(tries).unwrap_or(0).saturating_sub(1).min(RETRIES - 1);
        self.pause_of(consumer, self.retry_ms[index])
    }

    /// The queue with copies of a consumer's dead letters.
    pub(super) fn dead(&self, consumer: &str) -> String {
        format!("{}.{consumer}.dead", self.exchange)
    }

    fn pause_of(&self, consumer: &str, milliseconds: u32) -> String {
        format!("{}.{consumer}.retry.{milliseconds}", self.exchange)
    }

    pub(super) async fn declare_exchange(&self, channel: &Channel) -> Result<(), TransportError> {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let exchange = self.exchange.as_str().into();
        answered(channel.exchange_declare(exchange, ExchangeKind::Topic, durable, FieldTable::default())).await
    }

    /// Makes what a consumer needs, unless it is there.
    pub(super) async fn declare(&self, channel: &Channel, listener: &Listener) -> Result<(), TransportError> {
        let queue = self.queue(listener.name);
        let mut events = quorum();
        // Of several instances of a role one consumes, so that each object's events stay in order.
        events.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        declare_queue(channel, &queue, events).await?;
        for milliseconds in self.retry_ms {
            declare_queue(channel, &self.pause_of(listener.name, milliseconds), pausing(milliseconds, &queue)).await?;
        }
        let mut dead = quorum();
        dead.insert("x-max-length".into(), AMQPValue::LongInt(DEAD_COPIES));
        declare_queue(channel, &self.dead(listener.name), dead).await?;
        for kind in listener.kinds {
            self.bind(channel, &queue, kind).await?;
        }
        Ok(())
    }

    pub(super) async fn bind(&self, channel: &Channel, queue: &str, kind: &str) -> Result<(), TransportError> {
        let (queue, exchange, kind) = (queue.into(), self.exchange.as_str().into(), kind.into());
        answered(channel.queue_bind(queue, exchange, kind, QueueBindOptions::default(), FieldTable::default())).await
    }
}

/// A queue that outlives the loss of a node.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERIES));
    arguments
}

/// A queue whose messages go to `target` after a while, and are safe until they are there.
fn pausing(milliseconds: u32, target: &str) -> FieldTable {
    let mut arguments = quorum();
    let text = |text: &str| AMQPValue::LongString(text.into());
    arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(milliseconds.into()));
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(target));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

async fn declare_queue(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), TransportError> {
    answered(channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)).await?;
    Ok(())
}

/// How many messages a queue has ready.
pub(super) async fn depth(channel: &Channel, queue: &str) -> Result<u32, TransportError> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    Ok(answered(channel.queue_declare(queue.into(), passive, FieldTable::default())).await?.message_count())
}
