//! Publishes messages and waits until the broker has confirmed each.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, PublisherConfirm};
use tokio::sync::Mutex;

use super::link::{Link, answered};
use super::message::Outgoing;
use super::topology::{Listener, Names};
use crate::transport::TransportError;

/// Publishes on one channel, which is made anew after any failure.
pub(super) struct Publisher {
    link: Link,
    channel: Mutex<Option<Prepared>>,
}

/// A channel, and the queues that are known to be there: what is published before them would reach nobody.
struct Prepared {
    channel: Channel,
    declared: usize,
}

impl Publisher {
    pub(super) fn new(link: Link) -> Self {
        Self { link, channel: Mutex::default() }
    }

    /// Publishes in this order. Returns when the broker has all of it on disk; after an error, any part may be there.
    pub(super) async fn publish(
        &self,
        names: &Names,
        listeners: &[Listener],
        messages: Vec<Outgoing>,
    ) -> Result<(), TransportError> {
        let channel = self.channel(names, listeners).await?;
        let count = messages.len() as u64;
        let outcome = answered(send(&channel, messages)).await;
        match &outcome {
            Ok(()) => metrics::counter!("broker_confirmed_total").increment(count),
            // Nobody knows what became of the rest: the next try is on a new channel, or even a new connection.
            Err(_) => self.forget(&channel).await,
        }
        outcome
    }

    pub(super) async fn is_connected(&self) -> Result<(), TransportError> {
        self.link.connection().await.map(|_| ())
    }

    async fn channel(&self, names: &Names, listeners: &[Listener]) -> Result<Channel, TransportError> {
        let mut current = self.channel.lock().await;
        if let Some(prepared) = current.as_ref().filter(|prepared| prepared.channel.status().connected())
            && prepared.declared == listeners.len()
        {
            return Ok(prepared.channel.clone());
        }
        let channel = self.link.channel().await?;
        names.declare_exchange(&channel).await?;
        for listener in listeners {
            names.declare(&channel, listener).await?;
        }
        answered(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        *current = Some(Prepared { channel: channel.clone(), declared: listeners.len() });
        Ok(channel)
    }

    async fn forget(&self, failed: &Channel) {
        let mut current = self.channel.lock().await;
        if current.as_ref().is_some_and(|prepared| prepared.channel.id() == failed.id()) {
            current.take();
            self.link.forget().await;
        }
    }
}

async fn send(channel: &Channel, messages: Vec<Outgoing>) -> Result<(), TransportError> {
    let mut confirms: Vec<PublisherConfirm> = Vec::with_capacity(messages.len());
    for message in messages {
        let options = BasicPublishOptions { mandatory: message.mandatory, ..BasicPublishOptions::default() };
        let (exchange, key) = (message.exchange.into(), message.routing_key.into());
        confirms.push(channel.basic_publish(exchange, key, options, &message.body, message.properties).await?);
        metrics::counter!("broker_published_total").increment(1);
    }
    for confirm in confirms {
        match confirm.await? {
            Confirmation::Ack(None) => {}
            Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
                metrics::counter!("broker_returned_total").increment(1);
                let key = returned.delivery.routing_key;
                return Err(TransportError(format!("a message for {key} came back: its queue is gone")));
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => {
                metrics::counter!("broker_refused_total").increment(1);
                return Err(TransportError("the broker refused a message".to_owned()));
            }
        }
    }
    Ok(())
}
