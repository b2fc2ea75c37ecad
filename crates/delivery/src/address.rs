//! Which addresses an attempt may connect to. Judged for every connection, after the name was resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses, as CIDR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    mask: u128,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a network: write an address and a prefix length, as in 10.0.0.0/8 or fd00::/8"
)]
pub struct NetworkError(String);

impl Network {
    /// Reads `address/length`; a bare address is a network of one.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_not_an_address| refused())?;
        let (width, offset) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        let length: u32 = match length {
            Some(length) => length.parse().map_err(|_not_a_number| refused())?,
            None => width,
        };
        if length > width {
            return Err(refused());
        }
        let mask = u128::MAX.checked_shl(128 - (length + offset)).unwrap_or(0);
        Ok(Self {
            first: bits(address) & mask,
            mask,
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
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

/// Public addresses over https, and whatever else the configuration allows.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allowed: Vec<Network>,
}

impl AddressPolicy {
    /// With the networks the configuration allows beyond public addresses.
    ///
    /// # Errors
    /// [`NetworkError`] names the text that is no network.
    pub fn new(allow_networks: &[String]) -> Result<Self, NetworkError> {
        let allowed = allow_networks.iter().map(|text| Network::parse(text));
        Ok(Self {
            allowed: allowed.collect::<Result<_, _>>()?,
        })
    }

    /// Whether any place at all may be reached without TLS.
    pub(crate) fn allows_plain(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether an attempt may connect to `address`; without TLS only the allowed networks may be reached.
    pub fn permits(&self, address: IpAddr, tls: bool) -> bool {
        self.allowed.iter().any(|network| network.contains(address)) || (tls && is_public(address))
    }
}

/// IANA's special-purpose registries, and what cloud hosts use for their metadata.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || [a, b, c, d] == [168, 63, 129, 16])
}

/// Only 2000::/3 is given out; within it Teredo, 6to4, documentation and benchmarking are not places.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    // 64:ff9b::/96 carries an IPv4 address, which is what counts.
    if address.segments().first_chunk() == Some(&[0x64, 0xff9b, 0, 0, 0, 0]) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && second < 0x200)
        && !(first == 0x2001 && second == 0xdb8)
        && first != 0x2002
        && !(first == 0x3fff && second < 0x1000)
        && !(first == 0x2620 && second == 0x4f && third == 0x8000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fd00::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "ff02::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn allowed_networks_and_tls_decide() {
        let policy = AddressPolicy::new(&["127.0.0.0/8".into(), "::1".into()]).unwrap();
        let permits = |address: &str, tls| policy.permits(address.parse().unwrap(), tls);
        assert!(permits("127.0.0.1", false) && permits("::1", false));
        assert!(permits("1.1.1.1", true) && !permits("1.1.1.1", false));
        assert!(!permits("10.0.0.1", true) && !permits("::2", true));
        for wrong in ["10.0.0.0/33", "x/8", "10.0.0.0/", "fd00::/129"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
        assert!(
            Network::parse("0.0.0.0/0")
                .unwrap()
                .contains("9.9.9.9".parse().unwrap())
        );
        assert!(
            !Network::parse("0.0.0.0/0")
                .unwrap()
                .contains("fd00::1".parse().unwrap())
        );
    }

    proptest::proptest! {
        /// However an IPv4 address is wrapped, it is judged by what it carries; no wrapping opens a private one.
        #[test]
        fn a_wrapped_private_address_stays_private(bits: u32, host: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            let policy = AddressPolicy::default();
            let nat64 = Ipv6Addr::from_bits(0x64_ff9b << 96 | u128::from(bits));
            proptest::prop_assert_eq!(policy.permits(nat64.into(), true), is_public_v4(v4));
            for wrapped in [
                IpAddr::V6(v4.to_ipv6_mapped()),
                IpAddr::V6(Ipv6Addr::from_bits(bits.into())),
                IpAddr::V6(Ipv6Addr::from_bits(0x2002 << 112 | u128::from(bits) << 80 | host >> 48)),
                IpAddr::V6(Ipv6Addr::from_bits(0x2001_0000 << 96 | host >> 32)),
                IpAddr::V6(Ipv6Addr::from_bits(0xfec0 << 112 | host >> 16)),
            ] {
                proptest::prop_assert!(!policy.permits(wrapped, true), "{wrapped}");
            }
            // Without TLS nothing is reached that is not allowed by name of its network.
            let some = [v4.into(), Ipv6Addr::from_bits(host).into()];
            proptest::prop_assert!(some.iter().all(|address| !policy.permits(*address, false)));
        }

        /// A network holds exactly the addresses that share its first bits.
        #[test]
        fn a_network_holds_what_shares_its_bits(bits: u32, other: u32, length in 0_u32..=32) {
            let network = Network::parse(&format!("{}/{length}", Ipv4Addr::from_bits(bits))).unwrap();
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let shares = bits & mask == other & mask;
            proptest::prop_assert_eq!(network.contains(Ipv4Addr::from_bits(other).into()), shares);
        }
    }
}
