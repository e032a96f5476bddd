//! Settings of the role.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::Currency;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::cart::Limits;
use crate::payments::stripe::config::StripeConfig;

/// Most units of a line that can be configured.
pub const MAX_QUANTITY: i64 = 999;

/// Settings of the role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The currencies that the shop sells in, by ISO 4217 code; the first is a cart's when its maker names none.
    pub currencies: Vec<String>,
    /// Whether prices of products and shipping have the tax in them.
    pub prices_include_tax: bool,
    /// Most units of a line item.
    pub max_quantity: i64,
    /// Most line items of a cart.
    pub max_line_items: usize,
    /// Days after which a cart that nobody touched is removed.
    pub cart_days: i64,
    /// Minutes that a checkout may hold stock.
    pub reservation_minutes: i64,
    /// Seconds after which a checkout that its instance no longer works on is taken over by another.
    pub lease_seconds: i64,
    /// Seconds between two looks for work that an instance left behind.
    pub resume_seconds: u64,
    /// Payments by Stripe.
    pub stripe: StripeConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            currencies: vec!["EUR".into(), "USD".into()],
            prices_include_tax: true,
            max_quantity: MAX_QUANTITY,
            max_line_items: 100,
            cart_days: 30,
            reservation_minutes: 15,
            lease_seconds: 10,
            resume_seconds: 2,
            stripe: StripeConfig::default(),
        }
    }
}

/// Settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Not a currency.
    #[error("orders.currencies: `{0}` is not an ISO 4217 code")]
    Currency(String),
    /// A shop that sells in nothing.
    #[error("orders.currencies is empty")]
    NoCurrency,
    /// A number outside of what makes sense.
    #[error("orders.{setting} takes {least} to {most}")]
    Range {
        /// Which.
        setting: &'static str,
        /// At least.
        least: i64,
        /// At most.
        most: i64,
    },
    /// Something about Stripe.
    #[error("orders.stripe.{setting} {why}")]
    Stripe {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub currencies: Vec<Currency>,
    pub prices_include_tax: bool,
    pub limits: Limits,
    pub cart_age: TimeDelta,
    pub reservation: TimeDelta,
    pub lease: TimeDelta,
    pub resume: Duration,
    pub look_after: TimeDelta,
    pub stripe: StripeConfig,
}

impl Config {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.settings().map(drop)
    }

    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        let parse = |code: &String| code.parse().map_err(|_| ConfigError::Currency(code.clone()));
        let currencies = self.currencies.iter().map(parse).collect::<Result<Vec<Currency>, _>>()?;
        if currencies.is_empty() {
            return Err(ConfigError::NoCurrency);
        }
        let lines = i64::try_from(self.max_line_items).unwrap_or(i64::MAX);
        let resume = i64::try_from(self.resume_seconds).unwrap_or(i64::MAX);
        within("max_quantity", self.max_quantity, 1, MAX_QUANTITY)?;
        within("max_line_items", lines, 1, 100)?;
        within("cart_days", self.cart_days, 1, 3_650)?;
        within("reservation_minutes", self.reservation_minutes, 1, 24 * 60)?;
        within("lease_seconds", self.lease_seconds, 1, 600)?;
        within("resume_seconds", resume, 1, 600)?;
        self.stripe.check()?;
        Ok(Settings {
            currencies,
            prices_include_tax: self.prices_include_tax,
            limits: Limits { quantity: self.max_quantity, lines: self.max_line_items },
            cart_age: TimeDelta::days(self.cart_days),
            reservation: TimeDelta::minutes(self.reservation_minutes),
            lease: TimeDelta::seconds(self.lease_seconds),
            resume: Duration::from_secs(self.resume_seconds),
            look_after: TimeDelta::seconds(self.stripe.look_after_seconds.into()),
            stripe: self.stripe.clone(),
        })
    }
}

fn within(setting: &'static str, value: i64, least: i64, most: i64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(ConfigError::Range { setting, least, most }) }
}
