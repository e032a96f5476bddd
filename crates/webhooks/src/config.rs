//! Settings of the role.

use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::networks::AllowedAddresses;
use crate::domain::url::UrlRules;

/// Seconds between attempts: a day in all.
const RETRIES: [u32; 10] =
    [5, 30, 2 * 60, 10 * 60, 30 * 60, 60 * 60, 2 * 60 * 60, 4 * 60 * 60, 8 * 60 * 60, 8 * 60 * 60];

/// How much longer a lease is than an attempt may take: time to keep what came of it.
const LEASE_SLACK: TimeDelta = TimeDelta::seconds(30);

/// Settings of the role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether endpoints may be at `http://` addresses. For development.
    pub allow_http: bool,
    /// Networks that endpoints may be in besides the public internet, such as `10.1.0.0/16`.
    #[serde(deserialize_with = "runtime::config::comma_separated")]
    pub allow_private_addresses: Vec<IpNet>,
    /// Seconds that a connection to an endpoint may take.
    pub connect_timeout_seconds: u64,
    /// Seconds that an attempt may take in all.
    pub timeout_seconds: u64,
    /// Attempts under way at once in one instance.
    pub concurrency: usize,
    /// Attempts under way at once to one endpoint, in one instance.
    pub endpoint_concurrency: usize,
    /// Seconds from each failed attempt to the next, give or take a tenth. After the last a delivery has failed.
    #[serde(deserialize_with = "runtime::config::comma_separated")]
    pub retry_seconds: Vec<u32>,
    /// Hours of failure without a success after which an endpoint is disabled.
    pub disable_after_hours: u32,
    /// Hours that the former secret stays good after a rotation.
    pub rotation_overlap_hours: u32,
    /// Days that deliveries and their attempts are kept.
    pub retention_days: u32,
}

/// Settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Nothing could ever be sent.
    #[error("webhooks.{0} takes at least 1")]
    Zero(&'static str),
    /// The system's certificates cannot be read, or the like.
    #[error("webhooks cannot be sent from here: {0}")]
    Client(String),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_private_addresses: Vec::new(),
            connect_timeout_seconds: 5,
            timeout_seconds: 15,
            concurrency: 64,
            endpoint_concurrency: 8,
            retry_seconds: RETRIES.to_vec(),
            disable_after_hours: 24,
            rotation_overlap_hours: 24,
            retention_days: 30,
        }
    }
}

/// The settings in the units in which they are used.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) urls: UrlRules,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    /// Longer than an attempt can take.
    pub(crate) lease: TimeDelta,
    pub(crate) concurrency: usize,
    pub(crate) endpoint_concurrency: usize,
    pub(crate) retries: Vec<TimeDelta>,
    pub(crate) disable_after: TimeDelta,
    pub(crate) rotation_overlap: TimeDelta,
    pub(crate) retention: TimeDelta,
}

impl Config {
    /// Checks the settings.
    pub fn check(&self) -> Result<(), ConfigError> {
        let zero = [
            ("connect_timeout_seconds", self.connect_timeout_seconds == 0),
            ("timeout_seconds", self.timeout_seconds == 0),
            ("concurrency", self.concurrency == 0),
            ("endpoint_concurrency", self.endpoint_concurrency == 0),
            ("disable_after_hours", self.disable_after_hours == 0),
            ("retention_days", self.retention_days == 0),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }

    pub(crate) fn rules(&self) -> Rules {
        let hours = |hours: u32| TimeDelta::hours(i64::from(hours));
        Rules {
            urls: UrlRules {
                allow_http: self.allow_http,
                addresses: AllowedAddresses::new(self.allow_private_addresses.clone()),
            },
            connect_timeout: Duration::from_secs(self.connect_timeout_seconds),
            timeout: Duration::from_secs(self.timeout_seconds),
            lease: TimeDelta::seconds(i64::try_from(self.timeout_seconds).unwrap_or(i64::from(u32::MAX))) + LEASE_SLACK,
            concurrency: self.concurrency,
            endpoint_concurrency: self.endpoint_concurrency,
            retries: self.retry_seconds.iter().map(|seconds| TimeDelta::seconds(i64::from(*seconds))).collect(),
            disable_after: hours(self.disable_after_hours),
            rotation_overlap: hours(self.rotation_overlap_hours),
            retention: TimeDelta::days(i64::from(self.retention_days)),
        }
    }
}
