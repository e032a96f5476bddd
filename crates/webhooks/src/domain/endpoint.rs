//! An endpoint: where a merchant's system is told of events.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::event_types::EventTypes;

/// Endpoints that a shop may have.
pub const MAX_ENDPOINTS: i64 = 100;
/// Longest description, in characters.
pub const MAX_DESCRIPTION: usize = 500;

/// Why nothing is sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// Staff wanted it.
    Requested,
    /// It failed for too long.
    Failing,
    /// It said itself that it is gone (410).
    Gone,
}

impl DisabledReason {
    /// Every reason.
    pub const ALL: [DisabledReason; 3] = [DisabledReason::Requested, DisabledReason::Failing, DisabledReason::Gone];

    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Requested => "REQUESTED",
            DisabledReason::Failing => "FAILING",
            DisabledReason::Gone => "GONE",
        }
    }

    /// The reason with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == code)
    }
}

/// An endpoint, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The id.
    pub id: Uuid,
    /// Where it is.
    pub url: String,
    /// What staff wrote about it.
    pub description: String,
    /// What it is told of.
    pub event_types: EventTypes,
    /// Why nothing is sent to it; none when it is enabled.
    pub disabled: Option<DisabledReason>,
    /// The first failed attempt since the last good one.
    pub failing_since: Option<DateTime<Utc>>,
    /// When the secret before the current one ends; none when there is one secret.
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// New values for some fields of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// Where it is.
    pub url: Option<String>,
    /// What staff wrote about it.
    pub description: Option<String>,
    /// What it is told of.
    pub event_types: Option<EventTypes>,
}

impl Endpoint {
    /// Takes the new values; tells whether that changed anything.
    pub fn apply(&mut self, change: EndpointChange) -> bool {
        [
            replace(&mut self.url, change.url),
            replace(&mut self.description, change.description),
            replace(&mut self.event_types, change.event_types),
        ]
        .contains(&true)
    }
}

fn replace<T: PartialEq>(value: &mut T, new: Option<T>) -> bool {
    match new {
        Some(new) if *value != new => {
            *value = new;
            true
        }
        _ => false,
    }
}
