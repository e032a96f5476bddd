//! What travels around every payload.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One event of one object, as its role's log keeps it and as consumers get it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The event's own id: a repeat has the same.
    pub id: Uuid,
    /// Its place among all events of its role, without gaps; given shortly after the commit.
    pub sequence: Option<i64>,
    /// The role that published it.
    pub source: String,
    /// What happened, such as `product.updated`.
    pub kind: String,
    /// To what sort of object, such as `product`.
    pub aggregate: String,
    /// To which one.
    pub aggregate_id: Uuid,
    /// The object's version after it: 1, 2, 3, …
    pub version: i64,
    /// The payload of this kind.
    pub data: serde_json::Value,
    /// When the change was made.
    pub occurred_at: DateTime<Utc>,
    /// The W3C trace context of the request that made it.
    pub trace_parent: Option<String>,
}

impl Envelope {
    /// The payload as its struct, such as `event.payload::<OrderPlaced>()`. Check `kind` first.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.data)
    }
}
