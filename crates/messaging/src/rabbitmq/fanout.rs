//! Events for this process: a queue that lives as long as the connection.

use std::sync::Arc;
use std::time::Duration;

use events::Envelope;
use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::watch;

use super::Broker;
use super::link::{answered, close};
use super::topology;
use crate::transport::{Fanout, TransportError};

/// Events that wait for this process at most. Beyond, the oldest go.
const LENGTH: i32 = 100_000;
/// From so many on it is better to begin anew and to say so than to lose some unnoticed.
const TOO_MANY: u32 = 50_000;
/// How often the queue is measured.
const MEASURE: Duration = Duration::from_secs(2);

/// Hands events to this process' listeners until the broker is lost or `changed` says that there are more of them.
pub(super) async fn fan_out(
    broker: &Broker,
    fanout: &Fanout,
    changed: &mut watch::Receiver<usize>,
) -> Result<(), TransportError> {
    let channel = broker.consuming.channel().await?;
    let outcome = tokio::select! {
        outcome = fan_out_on(&channel, broker, fanout) => outcome,
        Ok(()) = changed.changed() => Ok(()),
    };
    let closed = close(&channel).await;
    outcome.and(closed)
}

async fn fan_out_on(channel: &Channel, broker: &Broker, fanout: &Fanout) -> Result<(), TransportError> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut bounded = FieldTable::default();
    bounded.insert("x-max-length".into(), AMQPValue::LongInt(LENGTH));
    broker.names.declare_exchange(channel).await?;
    let queue = answered(channel.queue_declare("".into(), options, bounded)).await?;
    let name = queue.name().as_str().to_owned();
    for kind in fanout.kinds() {
        broker.names.bind(channel, &name, kind).await?;
    }
    answered(channel.basic_qos(broker.prefetch, BasicQosOptions::default())).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut deliveries = answered(channel.basic_consume(name.as_str().into(), "".into(), options, none)).await?;
    // From here on nothing is missed; what was before may have been.
    fanout.tell_gap().await;
    let mut measure = tokio::time::interval(MEASURE);
    loop {
        tokio::select! {
            delivery = deliveries.next() => {
                let ended = || TransportError("the broker has ended the subscription".to_owned());
                let delivery = delivery.ok_or_else(ended)??;
                match serde_json::from_slice::<Envelope>(&delivery.data) {
                    Ok(event) => fanout.tell(&Arc::new(event)).await,
                    Err(error) => tracing::error!(%error, "an event cannot be read"),
                }
                answered(delivery.ack(BasicAckOptions::default())).await?;
            }
            _ = measure.tick() => {
                let waiting = topology::depth(channel, &name).await?;
                metrics::gauge!("broker_fanout_messages").set(f64::from(waiting));
                if waiting > TOO_MANY {
                    return Err(TransportError(format!("{waiting} events wait for this process: it begins anew")));
                }
            }
        }
    }
}
