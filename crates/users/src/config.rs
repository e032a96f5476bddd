//! Settings of the role.

use std::num::NonZeroU32;

use runtime::limits::Quota;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Settings of the role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Cost of a password's hash: each step doubles the time. 12 or more outside of tests.
    pub bcrypt_cost: u32,
    /// Passwords that are hashed at once; 0: as many as the machine has cores.
    pub hash_workers: usize,
    /// Passwords that may wait for their turn; more are refused with 503.
    pub hash_queue: usize,
    /// Password checks that one account may ask for, right or wrong.
    pub account_attempts: Quota,
}

/// A setting cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// bcrypt knows costs of 4 to 31; above 16 a sign-in takes many seconds.
    #[error("users.bcrypt_cost takes 4 to 16, not {0}")]
    Cost(u32),
}

impl Default for Config {
    fn default() -> Self {
        const ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
        const PERIOD: NonZeroU32 = NonZeroU32::new(15 * 60).expect("not zero");
        Self {
            bcrypt_cost: 12,
            hash_workers: 0,
            hash_queue: 64,
            account_attempts: Quota { burst: ATTEMPTS, period_seconds: PERIOD },
        }
    }
}

impl Config {
    /// Checks the settings.
    pub fn check(&self) -> Result<(), ConfigError> {
        if (4..=16).contains(&self.bcrypt_cost) { Ok(()) } else { Err(ConfigError::Cost(self.bcrypt_cost)) }
    }
}
