//! Events and calls as messages.

use events::Envelope;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dead_letters::Lane;
use crate::transport::TransportError;

/// The type of a message that is a [`Call`], not an event.
const CALL: &str = "tradepost.retry";
/// Kept on disk.
const PERSISTENT: u8 = 2;

/// Calls a consumer to try the dead letters of an object again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) lane: Lane,
    /// How often the first letter was tried when this was sent. If it was tried more often since, the call is out of date.
    pub(super) tries: i32,
}

/// What came out of a consumer's queue.
pub(super) enum Received {
    Event(Envelope),
    Call(Call),
    /// Neither; with the reason.
    Unreadable(String),
}

impl Received {
    /// Whose order it belongs to.
    pub(super) fn lane(&self) -> Lane {
        match self {
            Self::Event(event) => Lane { aggregate: event.aggregate.clone(), aggregate_id: event.aggregate_id },
            Self::Call(call) => call.lane.clone(),
            Self::Unreadable(_) => Lane { aggregate: String::new(), aggregate_id: Uuid::nil() },
        }
    }
}

/// A message to publish.
pub(super) struct Outgoing {
    /// The exchange; empty for a queue by its name.
    pub(super) exchange: String,
    pub(super) routing_key: String,
    /// There must be a queue for it.
    pub(super) mandatory: bool,
    pub(super) body: Vec<u8>,
    pub(super) properties: BasicProperties,
}

/// An event for the exchange.
pub(super) fn event(exchange: &str, event: &Envelope, mandatory: bool) -> Result<Outgoing, TransportError> {
    Ok(Outgoing {
        exchange: exchange.to_owned(),
        routing_key: event.kind.clone(),
        mandatory,
        body: body(event)?,
        properties: properties(&event.kind).with_message_id(event.id.to_string().into()).with_headers(headers(event)),
    })
}

/// A copy of a dead letter for the queue of the dead.
pub(super) fn dead(queue: String, event: &Envelope, reason: &str, tries: i32) -> Result<Outgoing, TransportError> {
    let mut headers = headers(event);
    headers.insert("reason".into(), AMQPValue::LongString(reason.into()));
    headers.insert("attempts".into(), AMQPValue::LongInt(tries));
    let properties = properties(&event.kind).with_message_id(event.id.to_string().into()).with_headers(headers);
    Ok(Outgoing { exchange: String::new(), routing_key: queue, mandatory: true, body: body(event)?, properties })
}

/// A call for a queue of pauses.
pub(super) fn call(queue: String, call: &Call) -> Result<Outgoing, TransportError> {
    let (body, properties) = (body(call)?, properties(CALL));
    Ok(Outgoing { exchange: String::new(), routing_key: queue, mandatory: true, body, properties })
}

/// A copy of a message that nobody can read, for the queue of the dead.
pub(super) fn unreadable(queue: String, delivery: &Delivery, reason: &str) -> Outgoing {
    let mut headers = FieldTable::default();
    headers.insert("reason".into(), AMQPValue::LongString(reason.into()));
    let properties = delivery.properties.clone().with_headers(headers);
    let body = delivery.data.clone();
    Outgoing { exchange: String::new(), routing_key: queue, mandatory: true, body, properties }
}

/// Reads a message of a consumer's queue.
pub(super) fn read(delivery: &Delivery) -> Received {
    let kind = delivery.properties.kind().as_ref().map(ShortString::as_str);
    let read = match kind {
        Some(CALL) => serde_json::from_slice(&delivery.data).map(Received::Call),
        _ => serde_json::from_slice(&delivery.data).map(Received::Event),
    };
    read.unwrap_or_else(|error| Received::Unreadable(error.to_string()))
}

fn body(content: &impl Serialize) -> Result<Vec<u8>, TransportError> {
    serde_json::to_vec(content).map_err(|error| TransportError(error.to_string()))
}

fn properties(kind: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_type(kind.into())
}

/// What a reader of the broker sees without opening the body.
fn headers(event: &Envelope) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert("source".into(), AMQPValue::LongString(event.source.as_str().into()));
    if let Some(sequence) = event.sequence {
        headers.insert("sequence".into(), AMQPValue::LongLongInt(sequence));
    }
    if let Some(trace_parent) = &event.trace_parent {
        headers.insert("traceparent".into(), AMQPValue::LongString(trace_parent.as_str().into()));
    }
    headers
}
