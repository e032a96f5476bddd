//! The settings of the edge.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use ipnet::IpNet;
use runtime::limits::Quota;
use serde::{Deserialize, Serialize};

use crate::stream::StreamConfig;
use crate::upstream::UpstreamConfig;

/// Settings of the edge.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where the API is served.
    pub listen: SocketAddr,
    /// Where the Prometheus page is served: not on the API's listener, and not to the outside unless this says so.
    pub metrics_listen: SocketAddr,
    /// Requests in work at once. The next one is refused with 503 at once, so that those in work get done.
    pub max_in_flight: usize,
    /// A request that took longer is logged.
    pub slow_request_ms: u64,
    /// Networks of the proxies in front, whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they give it.
    pub proxy_header: ProxyHeader,
    /// Pages of other origins.
    pub cors: CorsConfig,
    /// Rate limits.
    pub limits: LimitsConfig,
    /// How to treat roles that run elsewhere.
    pub upstream: UpstreamConfig,
    /// The stream.
    pub stream: StreamConfig,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            listen: SocketAddr::new(loopback, 8080),
            metrics_listen: SocketAddr::new(loopback, 9090),
            max_in_flight: 1024,
            slow_request_ms: 1000,
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
            cors: CorsConfig::default(),
            limits: LimitsConfig::default(),
            upstream: UpstreamConfig::default(),
            stream: StreamConfig::default(),
        }
    }
}

/// A header in which a proxy tells whom it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Which pages of other origins may call the API from a browser. None unless listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins such as `https://shop.example`.
    pub allowed_origins: Vec<Origin>,
    /// How long a browser may remember the answer.
    pub max_age_seconds: u32,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self { allowed_origins: Vec::new(), max_age_seconds: 600 }
    }
}

/// Scheme, host and port of a page, in the form in which browsers send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(http::HeaderValue);

impl Origin {
    /// As a header's value.
    pub fn header(&self) -> http::HeaderValue {
        self.0.clone()
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an origin such as https://shop.example");
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let bare = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
        // A slash at the end or an upper-case letter would never equal what a browser sends.
        if bare != text || text.contains('@') || text.to_ascii_lowercase() != text {
            return Err(wrong());
        }
        http::HeaderValue::try_from(&text).map(Self).map_err(|_| wrong())
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0.to_str().unwrap_or_default().to_owned()
    }
}

/// Rate limits, by the class that an operation's route names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// Addresses and callers that are counted each by itself, at the most.
    pub max_keys: usize,
    /// For each client address (an IPv6 client is its /64 network).
    pub address: Quotas,
    /// For each signed-in session.
    pub session: Quotas,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let quota = |burst: u32, period_seconds: u32| Quota {
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
            period_seconds: NonZeroU32::new(period_seconds).unwrap_or(NonZeroU32::MIN),
        };
        // Many customers can share an address; a session is one of them.
        let credentials = quota(100, 15 * 60);
        let address = Quotas { read: quota(3000, 60), write: quota(600, 60), credentials, bulk: quota(60, 60) };
        let session = Quotas { read: quota(1200, 60), write: quota(300, 60), credentials, bulk: quota(30, 60) };
        Self { enabled: true, max_keys: 100_000, address, session }
    }
}

/// A quota for each class of operations.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// Cheap reads.
    pub read: Quota,
    /// Changes.
    pub write: Quota,
    /// Logins and the like.
    pub credentials: Quota,
    /// Uploads and downloads of many things.
    pub bulk: Quota,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends_and_nothing_else() {
        for good in ["https://shop.example", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(Origin::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["*", "null", "shop.example", "https://shop.example/", "https://Shop.example", "https://a@b", ""] {
            assert!(Origin::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
