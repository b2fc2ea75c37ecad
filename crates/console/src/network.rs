//! Networks of proxies that are believed. Never resolves a name.

use std::net::IpAddr;

/// A block of addresses, as CIDR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    first: u128,
    mask: u128,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("console.trusted_proxies: `{0}` is no network: write 10.0.0.0/8, fd00::/8 or one address")]
pub struct NetworkFault(String);

impl Network {
    /// Reads `address/length`; a bare address is a network of one.
    pub(crate) fn parse(text: &str) -> Result<Self, NetworkFault> {
        let fault = || NetworkFault(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_no_address| fault())?;
        let (width, offset) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        let length: u32 = match length {
            Some(length) => length.parse().map_err(|_no_number| fault())?,
            None => width,
        };
        if length > width {
            return Err(fault());
        }
        let mask = u128::MAX.checked_shl(128 - (length + offset)).unwrap_or(0);
        Ok(Self {
            first: bits(address) & mask,
            mask,
        })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
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
    fn addresses_lie_in_their_networks_only() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "1.2.3.4", true),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
