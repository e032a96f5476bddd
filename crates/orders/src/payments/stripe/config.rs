//! Settings of payments by Stripe.

use std::time::Duration;

use kernel::Secret;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// Stripe's address.
const API_BASE: &str = "https://api.stripe.com";
/// The version of its API that this is written for.
const API_VERSION: &str = "2025-03-31.basil";

/// Settings of payments by Stripe. Without a secret key there are none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StripeConfig {
    /// The key of Stripe's API, `sk_…` or `rk_…`.
    pub secret_key: Secret,
    /// The secret of the webhook endpoint at Stripe, `whsec_…`.
    pub webhook_secret: Secret,
    /// The one before, while both are in use.
    pub previous_webhook_secret: Secret,
    /// Where the API is.
    pub api_base: String,
    /// The version of the API.
    pub api_version: String,
    /// Milliseconds that one call may take.
    pub timeout_ms: u64,
    /// Seconds after which a payment that a customer has begun is looked at, should no webhook tell of it.
    pub look_after_seconds: u32,
}

impl Default for StripeConfig {
    fn default() -> Self {
        Self {
            secret_key: Secret::default(),
            webhook_secret: Secret::default(),
            previous_webhook_secret: Secret::default(),
            api_base: API_BASE.into(),
            api_version: API_VERSION.into(),
            timeout_ms: 10_000,
            look_after_seconds: 120,
        }
    }
}

impl StripeConfig {
    /// Whether the shop takes payments by Stripe.
    pub fn is_set(&self) -> bool {
        !self.secret_key.expose().is_empty()
    }

    /// Refuses what cannot be.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |setting, why| Err(ConfigError::Stripe { setting, why });
        if !self.is_set() {
            return Ok(());
        }
        if self.webhook_secret.expose().is_empty() {
            return wrong("webhook_secret", "is needed with a secret key: Stripe shows it beside the webhook endpoint");
        }
        let base = reqwest::Url::parse(&self.api_base).ok().filter(|url| url.host().is_some());
        let Some(base) = base else { return wrong("api_base", "is no address such as https://api.stripe.com") };
        let local = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if base.scheme() != "https" && !(base.scheme() == "http" && local) {
            return wrong("api_base", "must be https, but on this machine");
        }
        if !(100..=60_000).contains(&self.timeout_ms) {
            return wrong("timeout_ms", "takes 100 to 60000");
        }
        if !(1..=86_400).contains(&self.look_after_seconds) {
            return wrong("look_after_seconds", "takes 1 to 86400");
        }
        Ok(())
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The secrets that an event may be signed with.
    pub(crate) fn webhook_secrets(&self) -> Vec<Secret> {
        let secrets = [&self.webhook_secret, &self.previous_webhook_secret];
        secrets.into_iter().filter(|secret| !secret.expose().is_empty()).cloned().collect()
    }
}
