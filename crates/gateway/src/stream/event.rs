//! An event as it is sent: written once, for all who get it.

use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, Utc};
use events::{Envelope, EventType, inventory, product};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// One event of a role's sequence. One that nobody may see is here too: sequences have no gaps.
#[derive(Debug)]
pub struct Event {
    /// Its place in its role's sequence.
    pub sequence: i64,
    /// Its kind, unless that stays within its role.
    pub kind: Option<&'static EventType>,
    /// The object that it tells of.
    pub object_id: Uuid,
    /// The account that it concerns: the buyer of an order.
    pub owner: Option<Uuid>,
    /// The product that it concerns.
    pub product: Option<Uuid>,
    /// When the change was made.
    pub at: DateTime<Utc>,
    /// For whom it concerns, and for staff.
    pub full: Utf8Bytes,
    /// For anyone.
    pub public: Option<Utf8Bytes>,
}

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    source: &'a str,
    sequence: i64,
    object: Object<'a>,
    version: i64,
    time: DateTime<Utc>,
    data: &'a Value,
}

#[derive(Serialize)]
struct Object<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: Uuid,
}

impl Event {
    /// The event in the envelope of sequence `sequence`.
    pub fn new(envelope: &Envelope, sequence: i64) -> Self {
        let kind = events::find(&envelope.kind);
        let id = |field: &str| envelope.data[field].as_str().and_then(|text| text.parse().ok());
        let object = Object { kind: &envelope.aggregate, id: envelope.aggregate_id };
        let (mut full, mut public, mut owner, mut product) = (Utf8Bytes::default(), None, None, None);
        if kind.is_some() {
            full = frame(envelope, sequence, object, &envelope.data);
            owner = id("user_id");
            product = match envelope.aggregate.as_str() {
                product::AGGREGATE => Some(envelope.aggregate_id),
                inventory::AGGREGATE => id("product_id"),
                _ => None,
            };
            public = product.map(|id| {
                let object = Object { kind: product::AGGREGATE, id };
                frame(envelope, sequence, object, &public_data(envelope))
            });
        }
        Self {
            sequence,
            kind,
            object_id: envelope.aggregate_id,
            owner,
            product,
            at: envelope.occurred_at,
            full,
            public,
        }
    }

    /// What it takes of memory, roughly.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.full.len() + self.public.as_ref().map_or(0, |frame| frame.len())
    }
}

fn frame(envelope: &Envelope, sequence: i64, object: Object<'_>, data: &Value) -> Utf8Bytes {
    let frame = Frame {
        kind: &envelope.kind,
        source: &envelope.source,
        sequence,
        object,
        version: envelope.version,
        time: envelope.occurred_at,
        data,
    };
    // Plain values with text keys: writing them cannot fail.
    serde_json::to_string(&frame).unwrap_or_default().into()
}

/// What anyone may know: what can be sold, never where it lies or what is promised.
fn public_data(envelope: &Envelope) -> Value {
    let data = &envelope.data;
    let fields: &[&str] = match envelope.aggregate.as_str() {
        inventory::AGGREGATE => &["variant_id", "available"],
        _ => &["slug", "previous_slug", "price"],
    };
    let mut shown = json!({});
    for field in fields {
        if let Some(value) = data.get(field).filter(|value| !value.is_null()) {
            shown[*field] = value.clone();
        }
    }
    shown
}
