//! What answers show of deliveries.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields;
use crate::domain::delivery::{Attempt, Delivery};

/// One event on its way to one endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// The id, which the receiver sees as `webhook-id`.
    pub id: Uuid,
    /// To whom.
    pub endpoint_id: Uuid,
    /// Of which event.
    pub event_id: Uuid,
    /// The event's type.
    #[schema(schema_with = fields::event_type)]
    pub event_type: String,
    /// The sort of object.
    pub object: String,
    /// Which object.
    pub object_id: Uuid,
    /// The object's version after the event.
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// How far it has come: `pending` is sent now or waits for its next attempt, `parked` waits for an older delivery of the
    /// same object.
    #[schema(schema_with = fields::delivery_status)]
    pub status: &'static str,
    /// Attempts since it was made or last asked for again.
    #[schema(schema_with = fields::count)]
    pub attempts: i32,
    /// When it is tried next.
    #[schema(required)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the receiver took it.
    #[schema(required)]
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A delivery with what is sent and what came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveryDetail)]
pub struct DeliveryDetailView {
    /// The delivery.
    pub delivery: DeliveryView,
    /// What is sent.
    #[schema(value_type = Object)]
    pub body: Value,
    /// The latest attempts, at most 50, in order.
    pub attempts: Vec<AttemptView>,
}

/// One try to send a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub struct AttemptView {
    /// 1, 2, 3, … over the delivery's whole life.
    #[schema(schema_with = fields::version)]
    pub number: i32,
    /// The status that the receiver answered with.
    #[schema(required)]
    pub http_status: Option<i32>,
    /// Why there was no answer, as a code.
    #[schema(required)]
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    #[schema(schema_with = fields::count)]
    pub duration_ms: i64,
    /// The beginning of the receiver's answer.
    #[schema(required)]
    pub answer: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint_id,
            event_id: delivery.event_id,
            event_type: delivery.kind,
            object: delivery.aggregate,
            object_id: delivery.aggregate_id,
            version: delivery.version,
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            delivered_at: delivery.delivered_at,
            created_at: delivery.created_at,
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            http_status: attempt.http_status,
            error: attempt.error,
            duration_ms: attempt.duration_ms,
            answer: attempt.answer,
            created_at: attempt.created_at,
        }
    }
}

impl From<(Delivery, Vec<Attempt>)> for DeliveryDetailView {
    fn from((delivery, attempts): (Delivery, Vec<Attempt>)) -> Self {
        Self {
            body: serde_json::from_str(&delivery.body).unwrap_or_default(),
            delivery: delivery.into(),
            attempts: attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}
