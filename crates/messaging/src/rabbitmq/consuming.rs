//! Takes a consumer's messages and sees each through: handled, or put aside with a call to try again.

use futures_util::StreamExt;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio_util::sync::CancellationToken;

use super::Broker;
use super::lanes::Lanes;
use super::link::{answered, close};
use super::message::{self, Call, Received};
use super::topology::Listener;
use crate::consumer::{ATTEMPTS, Consumer, LONGEST_PAUSE, Taken, pauses};
use crate::dead_letters::{self, Lane, Retried};
use crate::store;
use crate::transport::TransportError;

/// Most calls that are sent anew when a consumer begins.
const CALLS: i64 = 10_000;

impl From<sqlx::Error> for TransportError {
    fn from(error: sqlx::Error) -> Self {
        Self(format!("the consumer's database failed: {error}"))
    }
}

/// Consumes until `stop`, or until the broker is lost. What was in hand then comes again.
pub(super) async fn consume(
    broker: &Broker,
    consumer: &Consumer,
    stop: &CancellationToken,
) -> Result<(), TransportError> {
    let work = Work { broker, consumer };
    let Some(subscription) = stop.run_until_cancelled(work.subscribe()).await else { return Ok(()) };
    let mut subscription = subscription?;
    let outcome = work.consume(&mut subscription.deliveries, stop).await;
    let closed = close(&subscription.channel).await;
    outcome.and(closed)
}

/// A subscription with the channel that it has for itself.
///
/// It ends with the channel and never before: with the channel, the broker takes back what was not acknowledged, in its
/// order, before another instance gets any. A subscription that is cancelled makes room for that instance at once, which
/// would begin with what comes after. Hence the order of the fields: the channel is dropped first.
struct Subscription {
    channel: Channel,
    deliveries: lapin::Consumer,
}

/// What is done with a consumer's messages.
struct Work<'a> {
    broker: &'a Broker,
    consumer: &'a Consumer,
}

impl Work<'_> {
    async fn consume(&self, deliveries: &mut lapin::Consumer, stop: &CancellationToken) -> Result<(), TransportError> {
        self.call_again().await?;
        self.broker.set_subscribed(self.consumer.name, true);
        let mut lanes = Lanes::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return lanes.finish().await,
                Some(done) = lanes.next() => lanes.go_on(&done?),
                delivery = deliveries.next() => match delivery {
                    Some(delivery) => {
                        let delivery = delivery?;
                        let received = message::read(&delivery);
                        lanes.add(received.lane(), self.settle(delivery, received));
                    }
                    None => return Err(TransportError("the broker has ended the subscription".to_owned())),
                },
            }
        }
    }

    async fn subscribe(&self) -> Result<Subscription, TransportError> {
        let Self { broker, consumer } = self;
        let channel = broker.consuming.channel().await?;
        broker.names.declare_exchange(&channel).await?;
        broker.names.declare(&channel, &Listener { name: consumer.name, kinds: consumer.kinds }).await?;
        answered(channel.basic_qos(broker.prefetch, BasicQosOptions::default())).await?;
        let queue = broker.names.queue(consumer.name);
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let deliveries = answered(channel.basic_consume(queue.into(), "".into(), options, none)).await?;
        Ok(Subscription { channel, deliveries })
    }

    /// Sees a message through, and only then tells the broker to forget it.
    async fn settle(&self, delivery: Delivery, received: Received) -> Result<(), TransportError> {
        if delivery.redelivered {
            metrics::counter!("events_redelivered_total", "consumer" => self.consumer.name).increment(1);
        }
        match &received {
            Received::Event(event) if !self.consumer.kinds.contains(&event.kind.as_str()) => {}
            Received::Event(event) => {
                let followed = match self.consumer.accept(event).await {
                    Taken::Handled | Taken::Known => false,
                    Taken::Failed => true,
                    // The call to try again may not have been sent, whoever was to send it.
                    Taken::Parked(tries) => tries == 0 || delivery.redelivered && tries < ATTEMPTS,
                };
                if followed {
                    self.follow_up(&received.lane()).await?;
                }
            }
            Received::Call(call) => self.answer(call, delivery.redelivered).await?,
            Received::Unreadable(why) => {
                tracing::error!(consumer = self.consumer.name, error = why, "a message cannot be read");
                let queue = self.broker.names.dead(self.consumer.name);
                self.broker.send(vec![message::unreadable(queue, &delivery, why)]).await?;
            }
        }
        answered(delivery.ack(BasicAckOptions::default())).await?;
        Ok(())
    }

    /// Tries the letters of an object again.
    async fn answer(&self, call: &Call, redelivered: bool) -> Result<(), TransportError> {
        metrics::counter!("events_retried_total", "consumer" => self.consumer.name).increment(1);
        let mut pauses = pauses();
        loop {
            match dead_letters::retry(self.consumer, &call.lane, call.tries).await {
                Ok(Retried::Failed) => return self.follow_up(&call.lane).await,
                Ok(Retried::NotDue) if redelivered => return self.follow_up(&call.lane).await,
                Ok(Retried::Done | Retried::NotDue) => return Ok(()),
                Err(error) => tracing::warn!(%error, "dead letters could not be tried again"),
            }
            tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    /// Sends what the state of an object's letters asks for: a call to try again after a pause, or a copy for the dead.
    async fn follow_up(&self, lane: &Lane) -> Result<(), TransportError> {
        let (name, names) = (self.consumer.name, &self.broker.names);
        let mut conn = self.consumer.db.primary().acquire().await?;
        let front = store::dead_letters::front(&mut conn, name, lane).await?;
        drop(conn);
        let Some(letter) = front else { return Ok(()) };
        let tries = letter.attempts;
        if tries < ATTEMPTS {
            let call = Call { lane: lane.clone(), tries };
            return self.broker.send(vec![message::call(names.pause(name, tries), &call)?]).await;
        }
        metrics::counter!("events_dead_total", "consumer" => name).increment(1);
        let copy = message::dead(names.dead(name), &letter.envelope, &letter.error, tries)?;
        self.broker.send(vec![copy]).await
    }

    /// Sends calls for all objects that are to be tried again: those in the broker may be lost. What comes twice is out
    /// of date the second time.
    async fn call_again(&self) -> Result<(), TransportError> {
        let (name, names) = (self.consumer.name, &self.broker.names);
        let mut conn = self.consumer.db.primary().acquire().await?;
        let lanes = store::dead_letters::retrying(&mut conn, name, ATTEMPTS, CALLS).await?;
        drop(conn);
        if lanes.is_empty() {
            return Ok(());
        }
        let call = |(lane, tries)| message::call(names.pause(name, tries), &Call { lane, tries });
        self.broker.send(lanes.into_iter().map(call).collect::<Result<_, _>>()?).await
    }
}
