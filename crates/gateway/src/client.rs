//! The client's address, behind proxies too.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::HeaderMap;
use ipnet::IpNet;

use crate::config::ProxyHeader;

/// Whose word on the client's address is taken.
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ProxyHeader,
}

impl Proxies {
    /// The proxies in the `trusted` networks, which speak by `header`.
    pub fn new(trusted: Vec<IpNet>, header: ProxyHeader) -> Self {
        Self { trusted, header }
    }

    /// Who sent the request: the last address in the chain that is not a trusted proxy. What stands before it was
    /// written by somebody whom nobody vouches for.
    pub fn client(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let mut client = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical());
        if !self.trusts(client) {
            return client;
        }
        for hop in self.hops(request.headers()).into_iter().rev() {
            // An obfuscated name, or nonsense: whoever is behind it, this proxy is the last that is known.
            let Some(hop) = hop else { break };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The chain as the header gives it, the client first; None where a hop's address can't be read.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let name = match self.header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
        };
        let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
        let hops = values.flat_map(|value| value.split(','));
        match self.header {
            ProxyHeader::XForwardedFor => hops.map(address).collect(),
            ProxyHeader::Forwarded => hops.map(|hop| forwarded_for(hop).and_then(address)).collect(),
        }
    }
}

/// The value of `for` in one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()));
    address.map(|address| address.to_canonical())
}

/// What stands for a client in a limit: one customer of a provider has a whole /64 of IPv6 addresses.
pub fn limit_key(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => {
            let network = v6.to_bits() >> 64;
            // The upper half of 128 bits fits.
            u64::try_from(network).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ProxyHeader, peer: &str, value: &str) -> String {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], header);
        let name = if header == ProxyHeader::Forwarded { "forwarded" } else { "x-forwarded-for" };
        let mut request = Request::builder().header(name, value).body(axum::body::Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1234)));
        proxies.client(&request).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let client = |peer, value| client(ProxyHeader::XForwardedFor, peer, value);
        assert_eq!(client("203.0.113.9", "198.51.100.1"), "203.0.113.9");
        assert_eq!(client("10.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", "198.51.100.1:4711"), "198.51.100.1");
        assert_eq!(client("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2"), "198.51.100.1", "the first is a forgery");
        assert_eq!(client("10.0.0.1", "unknown"), "10.0.0.1");
        assert_eq!(client("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(client("fd00::1", "2001:db8::7"), "2001:db8::7");
    }

    #[test]
    fn the_standard_header_is_understood() {
        let client = |value| client(ProxyHeader::Forwarded, "10.0.0.1", value);
        assert_eq!(client("for=198.51.100.1;proto=https"), "198.51.100.1");
        assert_eq!(client("for=1.1.1.1, For=\"[2001:db8::7]:4711\";by=10.0.0.2"), "2001:db8::7");
        assert_eq!(client("for=_hidden"), "10.0.0.1");
        assert_eq!(client("proto=https"), "10.0.0.1");
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let key = |text: &str| limit_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("203.0.113.1"), key("203.0.113.2"));
    }
}
