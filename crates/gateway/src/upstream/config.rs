//! Where a role is, and how to treat it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use runtime::cache::CacheConfig;
use serde::{Deserialize, Serialize};

/// Where instances of a role listen, such as `http://10.0.0.7:7000`. A host name stands for all its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// Name or number.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address such as http://127.0.0.1:7000");
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(wrong());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().ok_or_else(wrong)?;
        Ok(Self { tls, host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tls, host, port } = self;
        let scheme = if *tls { "https" } else { "http" };
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// How to treat roles that run elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Time a connection may take to be made.
    pub connect_timeout_ms: u64,
    /// Connections to an instance, at most; one is made when the others have much to do. As many again carry uploads and
    /// downloads.
    pub max_connections: usize,
    /// How often each instance is asked whether it is ready.
    pub check_period_ms: u64,
    /// Time it has for the answer.
    pub check_timeout_ms: u64,
    /// After so many checks in a row without any answer nothing is sent to the instance any more.
    pub silent_after: u32,
    /// After so many failed requests in a row an instance is left out for a while.
    pub eject_after: u32,
    /// How long the first time. Each further time doubles it.
    pub eject_ms: u64,
    /// How long at the most.
    pub max_eject_ms: u64,
    /// After so many requests in a row that no instance could answer, the role is left alone for a while.
    pub breaker_failures: usize,
    /// How long until one request tries again.
    pub breaker_open_ms: u64,
    /// Retries in a hundred requests, at most, beside `retries_per_second`.
    pub retry_percent: u32,
    /// Retries that are always allowed.
    pub retries_per_second: u32,
    /// How often host names are looked up again.
    pub resolve_seconds: u64,
    /// Answers of the catalog that are kept for the time when products cannot answer. 0 bytes: none.
    pub remembered: CacheConfig,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 1000,
            max_connections: 4,
            check_period_ms: 1000,
            check_timeout_ms: 800,
            silent_after: 2,
            eject_after: 5,
            eject_ms: 2000,
            max_eject_ms: 60_000,
            breaker_failures: 20,
            breaker_open_ms: 2000,
            retry_percent: 20,
            retries_per_second: 10,
            resolve_seconds: 5,
            remembered: CacheConfig { max_bytes: 32 * 1024 * 1024, ttl_seconds: 3600 },
        }
    }
}

impl UpstreamConfig {
    /// Time a connection may take to be made.
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// Whole seconds after which a refused request is worth a try.
    pub(super) fn retry_after(&self) -> u64 {
        self.breaker_open_ms.div_ceil(1000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        for good in ["http://127.0.0.1:7000", "https://products.internal:443", "http://[::1]:7000"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in ["127.0.0.1:7000", "http://host", "ftp://host:1", "http://u:p@host:1", "http://host:1/path", ""] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
