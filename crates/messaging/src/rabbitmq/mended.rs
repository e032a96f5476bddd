//! Takes copies out of the queue of the dead whose letters were mended.

use std::collections::HashSet;

use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use uuid::Uuid;

use super::Broker;
use super::link::{answered, close};
use super::topology::{self, Listener};
use crate::consumer::Consumer;
use crate::store;
use crate::transport::TransportError;

/// Removes the copies of a consumer's dead letters that are not dead any more. Gives how many.
pub(super) async fn forget(broker: &Broker, consumer: &Consumer) -> Result<usize, TransportError> {
    let channel = broker.consuming.channel().await?;
    broker.names.declare_exchange(&channel).await?;
    broker.names.declare(&channel, &Listener { name: consumer.name, kinds: consumer.kinds }).await?;
    let queue = broker.names.dead(consumer.name);
    let mut copies: Vec<(Uuid, Delivery)> = Vec::new();
    for _ in 0..topology::depth(&channel, &queue).await? {
        let got = answered(channel.basic_get(queue.as_str().into(), BasicGetOptions::default())).await?;
        let Some(got) = got else { break };
        // Whatever is not a copy of a letter stays.
        if let Some(event) = event_of(&got.delivery) {
            copies.push((event, got.delivery));
        }
    }
    let events: Vec<Uuid> = copies.iter().map(|(event, _)| *event).collect();
    let mut conn = consumer.db.primary().acquire().await?;
    let gone: HashSet<Uuid> = store::dead_letters::gone(&mut conn, consumer.name, &events).await?.into_iter().collect();
    drop(conn);
    let mut forgotten = 0;
    for (event, copy) in copies {
        if gone.contains(&event) {
            answered(copy.ack(BasicAckOptions::default())).await?;
            forgotten += 1;
        }
    }
    // The others go back with the channel.
    close(&channel).await?;
    Ok(forgotten)
}

/// The event that a message is a dead letter's copy of.
fn event_of(copy: &Delivery) -> Option<Uuid> {
    let headers = copy.properties.headers().as_ref()?;
    headers.inner().get("attempts")?;
    copy.properties.message_id().as_ref()?.as_str().parse().ok()
}
