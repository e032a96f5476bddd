//! The broker alone: publishes messages as the relay does, and consumes them without doing anything with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use super::{Latencies, Latency};

/// An exchange and a queue of its own, which nobody else of the shop looks at.
const NAME: &str = "bench.events";
/// Messages that are published before their confirmations are awaited, as a batch of the relay's.
const BATCH: usize = 1_000;
/// Messages that the consumer holds at most, as the shop's.
const PREFETCH: u16 = 200;
const PERSISTENT: u8 = 2;
/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to send.
#[derive(Serialize, Deserialize)]
pub struct Plan {
    /// The broker.
    pub url: String,
    /// The routing key.
    pub kind: String,
    /// The body of each message.
    pub body: String,
    /// How many.
    pub messages: usize,
    /// How many a second; as fast as it goes without it.
    pub per_second: Option<u32>,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Messages a second, from the first publication to the last acknowledgement.
    pub per_second: f64,
    /// From publication to acknowledgement.
    pub delay: Latency,
}

/// Runs the plan of this process.
pub async fn main() -> anyhow::Result<()> {
    let plan: Arc<Plan> = Arc::new(super::plan()?);
    // One connection each, as the shop has.
    let publishing = Connection::connect(&plan.url, ConnectionProperties::default()).await?;
    let consuming = Connection::connect(&plan.url, ConnectionProperties::default()).await?;
    let (publisher, consumer) = (publishing.create_channel().await?, consuming.create_channel().await?);
    declare(&publisher, &plan.kind).await?;
    publisher.confirm_select(ConfirmSelectOptions::default()).await?;
    consumer.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let deliveries = consumer.basic_consume(NAME.into(), "".into(), options, FieldTable::default()).await?;
    let began = Instant::now();
    let consumed = tokio::spawn(consume(deliveries, plan.messages, began));
    publish(&publisher, &plan, began).await?;
    let delays = consumed.await??;
    #[expect(clippy::cast_precision_loss)] // thousands
    let per_second = plan.messages as f64 / began.elapsed().as_secs_f64();
    publisher.queue_delete(NAME.into(), QueueDeleteOptions::default()).await?;
    publisher.exchange_delete(NAME.into(), ExchangeDeleteOptions::default()).await?;
    super::tell(&Outcome { per_second, delay: delays.latency() })
}

/// A topic exchange and a quorum queue.
async fn declare(channel: &Channel, kind: &str) -> anyhow::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(NAME.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    quorum.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    channel.queue_declare(NAME.into(), QueueDeclareOptions::durable(), quorum).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(NAME.into(), NAME.into(), kind.into(), options, FieldTable::default()).await?;
    Ok(())
}

async fn publish(channel: &Channel, plan: &Plan, began: Instant) -> anyhow::Result<()> {
    let mut ticks = plan.per_second.map(|rate| interval(Duration::from_secs(1) / rate.max(1)));
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    }
    let batch = if ticks.is_some() { 1 } else { BATCH };
    let mut left = plan.messages;
    while left > 0 {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let mut confirms = Vec::with_capacity(batch.min(left));
        for _ in 0..batch.min(left) {
            let sent_at = began.elapsed().as_micros().to_string();
            let properties = BasicProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(PERSISTENT)
                .with_type(plan.kind.as_str().into())
                .with_message_id(sent_at.into());
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let key = plan.kind.as_str().into();
            confirms.push(channel.basic_publish(NAME.into(), key, options, plan.body.as_bytes(), properties).await?);
        }
        left -= confirms.len();
        for confirm in confirms {
            ensure!(matches!(confirm.await?, Confirmation::Ack(None)), "the broker refused a message");
        }
    }
    Ok(())
}

async fn consume(mut deliveries: lapin::Consumer, messages: usize, began: Instant) -> anyhow::Result<Latencies> {
    let mut delays = Latencies::new()?;
    for _ in 0..messages {
        let delivery = tokio::time::timeout(PATIENCE, deliveries.next()).await.context("a message does not come")?;
        let delivery = delivery.context("the broker ended the subscription")??;
        delivery.ack(BasicAckOptions::default()).await?;
        let sent_at = delivery.properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
        let sent_at = Duration::from_micros(sent_at.context("a message without its time")?);
        delays.add(began.elapsed().saturating_sub(sent_at));
    }
    Ok(delays)
}
