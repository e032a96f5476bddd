//! Which addresses may be called. A merchant chooses an endpoint's address, so it must not lead to the shop's own
//! machines or to the services that only they can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 networks that are not the public internet (IANA's registry of special purposes, and multicast).
const CLOSED_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Behind a carrier's translation.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: clouds serve their metadata here.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays of 6to4.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Where the public internet of IPv6 lies. Loopback, mapped IPv4, NAT64, link-local, unique local (and with it the
/// metadata of some clouds) and multicast lie outside.
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks within it that are something else.
const CLOSED_V6: [(Ipv6Addr, u8); 4] = [
    // Protocols of their own, such as Teredo, which holds an IPv4 address.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which holds an IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The addresses that may be called: the public internet, and what the configuration allows besides.
#[derive(Clone, Debug, Default)]
pub struct AllowedAddresses(Vec<IpNet>);

impl AllowedAddresses {
    /// The public internet and `besides`.
    pub fn new(besides: Vec<IpNet>) -> Self {
        Self(besides)
    }

    /// Whether an endpoint may be at this address.
    pub fn allow(&self, address: IpAddr) -> bool {
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !CLOSED_V4.iter().any(|(base, bits)| within_v4(address, *base, *bits)),
        IpAddr::V6(address) => {
            within_v6(address, PUBLIC_V6.0, PUBLIC_V6.1)
                && !CLOSED_V6.iter().any(|(base, bits)| within_v6(address, *base, *bits))
        }
    }
}

fn within_v4(address: Ipv4Addr, base: Ipv4Addr, bits: u8) -> bool {
    Ipv4Net::new(base, bits).is_ok_and(|network| network.contains(&address))
}

fn within_v6(address: Ipv6Addr, base: Ipv6Addr, bits: u8) -> bool {
    Ipv6Net::new(base, bits).is_ok_and(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_may_be_called() {
        let allowed = AllowedAddresses::default();
        for open in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"] {
            assert!(allowed.allow(open.parse().unwrap()), "{open}");
        }
        for closed in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:1.1.1.1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!allowed.allow(closed.parse().unwrap()), "{closed}");
        }
    }

    #[test]
    fn what_the_configuration_names_may_be_called_and_nothing_near_it() {
        let allowed = AllowedAddresses::new(vec!["127.0.0.1/32".parse().unwrap(), "fd00::/64".parse().unwrap()]);
        assert!(allowed.allow("127.0.0.1".parse().unwrap()));
        assert!(allowed.allow("fd00::7".parse().unwrap()));
        for closed in ["127.0.0.2", "::ffff:127.0.0.1", "fd00:0:0:1::7", "::1"] {
            assert!(!allowed.allow(closed.parse().unwrap()), "{closed}");
        }
    }
}
