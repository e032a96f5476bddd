//! What is kept to be asked for again.
//!
//! | module | holds |
//! |---|---|
//! | here | how much a cache in memory holds, and for how long |
//! | [`shared`] | [`SharedCache`]: answers in Redis, for all instances of a role |
//! | `listeners` | which instances keep answers in memory as well, and how a change waits until they know of it |
//! | `scripts` | what Redis does in one step |

mod listeners;
mod scripts;
pub mod shared;

pub use listeners::Forget;
pub use shared::{Found, Heard, Looked, Moment, SharedCache, SharedCacheConfig, Untold};

use serde::{Deserialize, Serialize};

/// How much a cache holds and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Bytes of keys and values, at most. 0 turns the cache off.
    pub max_bytes: u64,
    /// Seconds after which an entry is loaded again even if no event said so.
    pub ttl_seconds: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_bytes: 16 * 1024 * 1024, ttl_seconds: 300 }
    }
}
