//! What can be set.

use kernel::Currency;
use runtime::cache::{CacheConfig, SharedCacheConfig};
use serde::{Deserialize, Serialize};

/// Settings of this role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The shop's currency: the one of listing prices. After a change run `tradepost doctor`, which finds products
    /// whose listing price is in the old one.
    pub currency: Currency,
    /// Answers kept in memory.
    pub cache: CacheConfig,
    /// Answers kept in Redis, where there is one, for all instances.
    pub shared_cache: SharedCacheConfig,
    /// What a GraphQL request may ask for.
    pub graphql: GraphqlConfig,
}

/// Bounds of a GraphQL request. A request beyond one is refused before it is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphqlConfig {
    /// Levels of fields. The usual introspection query takes 15.
    pub max_depth: usize,
    /// Fields, those of a list counted as often as the list may be long.
    pub max_cost: usize,
    /// Names, numbers, strings and punctuation marks of a document.
    pub max_tokens: usize,
    /// Fields that are asked for under another name.
    pub max_aliases: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            currency: euro(),
            cache: CacheConfig::default(),
            shared_cache: SharedCacheConfig::default(),
            graphql: GraphqlConfig::default(),
        }
    }
}

impl Default for GraphqlConfig {
    fn default() -> Self {
        Self { max_depth: 15, max_cost: 20_000, max_tokens: 2_000, max_aliases: 30 }
    }
}

#[expect(clippy::expect_used)] // ISO 4217 knows the euro.
fn euro() -> Currency {
    "EUR".parse().expect("EUR is a currency")
}
