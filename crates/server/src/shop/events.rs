//! How events get from the roles here to their consumers.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context;
use gateway::stream::Hub;
use messaging::{InProcess, RabbitMq, Relay, Transport};
use pg::Db;
use runtime::Tasks;
use runtime::health::Health;

use super::Roles;
use crate::settings::Settings;

/// Every durable consumer of the shop: its name, and the kinds of events that it wants.
const CONSUMERS: [&[(&str, &[&str])]; 2] = [orders::CONSUMERS, webhooks::CONSUMERS];

/// What takes events to their consumers: RabbitMQ where it is configured, else they stay in this process.
pub(super) fn transport(settings: &Settings, tasks: &Tasks, health: &Health) -> anyhow::Result<Arc<dyn Transport>> {
    if settings.rabbitmq.is_set() {
        Ok(Arc::new(start_broker(settings, tasks, health)?))
    } else {
        Ok(Arc::new(InProcess::new()))
    }
}

/// Starts the consumers and relays of the roles here.
pub(super) fn start(roles: &Roles, transport: &Arc<dyn Transport>, tasks: &Tasks) {
    if let Ok(products) = roles.products() {
        products::consumers::subscribe(products, transport.as_ref());
    }
    for consumer in roles.consumers() {
        transport.subscribe(consumer);
    }
    for db in &roles.databases {
        start_relay(db, transport, tasks);
    }
}

/// Every event goes to the stream's clients.
pub(super) fn feed(hub: &Arc<Hub>, transport: &dyn Transport) {
    let (fed, told) = (Arc::clone(hub), Arc::clone(hub));
    let handler = move |event| {
        fed.feed(event);
        Box::pin(std::future::ready(())) as _
    };
    transport.subscribe_fanout(events::registry::every_kind(), Arc::new(handler));
    transport.on_gap(Arc::new(move || {
        told.note_gap();
        Box::pin(std::future::ready(()))
    }));
}

fn start_broker(settings: &Settings, tasks: &Tasks, health: &Health) -> anyhow::Result<RabbitMq> {
    let broker = RabbitMq::new(&settings.rabbitmq).context("rabbitmq")?;
    for (name, kinds) in CONSUMERS.concat() {
        broker.expect(name, kinds);
    }
    let (working, stop) = (broker.clone(), tasks.shutdown_token());
    tasks.spawn("broker", async move {
        working.run(stop).await;
        Ok::<_, Infallible>(())
    });
    // Without it requests are served all the same: events wait in their logs.
    let checked = broker.clone();
    health.note("rabbitmq", move || {
        let broker = checked.clone();
        async move { broker.check().await }
    });
    Ok(broker)
}

fn start_relay(db: &Db, transport: &Arc<dyn Transport>, tasks: &Tasks) {
    let relay = Relay::new(db.clone(), Arc::clone(transport));
    let stop = tasks.shutdown_token();
    tasks.spawn("relay", async move {
        relay.run(stop).await;
        Ok::<_, Infallible>(())
    });
}
