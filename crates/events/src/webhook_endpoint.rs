//! Events of a webhook endpoint.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The sort of object.
pub const AGGREGATE: &str = "webhook_endpoint";

/// Nothing is sent to an endpoint any more, until staff enables it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpointDisabled {
    /// Why: `REQUESTED` by staff, `FAILING` for too long, `GONE` by its own word (410).
    pub reason: String,
    /// The first failed attempt since the last good one.
    pub failing_since: Option<DateTime<Utc>>,
}

impl WebhookEndpointDisabled {
    /// The name in the log.
    pub const KIND: &'static str = "webhook_endpoint.disabled";
}
