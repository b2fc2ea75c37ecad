//! Blocks of addresses, as settings name them. Must never resolve a name.

use std::net::IpAddr;

/// A block of addresses, as CIDR (RFC 4632, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    mask: u128,
}

impl Network {
    /// `address/length`; a bare address is a block of one. `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (width, before): (u32, u32) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        let length = length.map_or(Some(width), |length| length.parse().ok())?;
        if length > width {
            return None;
        }
        let mask = u128::MAX.checked_shl(128 - (length + before)).unwrap_or(0);
        Some(Self {
            first: bits(address) & mask,
            mask,
        })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.first
    }
}

/// IPv4 as its IPv4-mapped IPv6 address, so that one comparison serves both.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_what_begins_like_them() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "1.2.3.4", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("fd00::/8", "fd12::1", true),
        ];
        for (network, address, inside) in cases {
            let network = Network::parse(network).unwrap();
            let found = network.contains(address.parse().unwrap());
            assert_eq!(found, inside, "{network:?} {address}");
        }
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/x",
            "10.0.0/8",
            "::/129",
            "x/8",
            "10.0.0.0/-1",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
