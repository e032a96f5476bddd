//! A delivery: one event on its way to one endpoint.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Deliveries of a range that are sent again at once.
pub const MAX_REDELIVERED: i64 = 10_000;
/// Attempts that are shown of a delivery, the latest.
pub const SHOWN_ATTEMPTS: i64 = 50;

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is sent now, or waits for its next attempt.
    Pending,
    /// It waits for an older one of the same object.
    Parked,
    /// The receiver took it.
    Delivered,
    /// It was given up.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 4] = [Status::Pending, Status::Parked, Status::Delivered, Status::Failed];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Parked => "parked",
            Status::Delivered => "delivered",
            Status::Failed => "failed",
        }
    }

    /// The status with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id, which the receiver sees as `webhook-id`.
    pub id: Uuid,
    /// To whom.
    pub endpoint_id: Uuid,
    /// Of which event.
    pub event_id: Uuid,
    /// The event's kind.
    pub kind: String,
    /// The sort of object.
    pub aggregate: String,
    /// Which object.
    pub aggregate_id: Uuid,
    /// The object's version after the event.
    pub version: i64,
    /// What is sent, byte for byte.
    pub body: String,
    /// How far it has come.
    pub status: Status,
    /// Attempts since it was made or last asked for again.
    pub attempts: i32,
    /// When it is tried next; none when it is not pending.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the receiver took it.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// One try to send a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1, 2, 3, … over the delivery's whole life.
    pub number: i32,
    /// The status that the receiver answered with.
    pub http_status: Option<i32>,
    /// Why there was no answer, as a code.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: i64,
    /// The beginning of the receiver's answer.
    pub answer: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
}
