//! How a request came in: from where, encrypted or not, from which page. Believes a header only of a trusted proxy.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderName, ORIGIN};

use crate::site::Site;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The browser's address.
    pub address: IpAddr,
    /// Whether it came encrypted.
    pub tls: bool,
}

impl Arrival {
    pub(crate) fn of(request: &HttpRequest, site: &Site) -> Self {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        if !site.trusts(peer) {
            return Self {
                address: peer,
                tls: false,
            };
        }
        let proto = text(request, &FORWARDED_PROTO).and_then(last);
        let said = text(request, &FORWARDED_FOR);
        // From the right: what stands further left was written by whoever sent the request.
        let address = said.and_then(|said| {
            let hops = said.rsplit(',').map_while(|hop| hop.trim().parse().ok());
            let mut hops = hops.map(|hop: IpAddr| hop.to_canonical());
            hops.find(|hop| !site.trusts(*hop))
        });
        Self {
            address: address.unwrap_or(peer),
            tls: proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
        }
    }

    /// Whether nobody between here and the browser can read along, or nobody outside the house.
    pub(crate) fn plain(&self) -> Plain {
        match self.address {
            _ if self.tls => Plain::No,
            address if address.is_loopback() => Plain::No,
            IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => Plain::Private,
            IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Plain::Private,
            _ => Plain::Public,
        }
    }
}

/// Whether keys would be sent for others to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    No,
    /// Within a private network.
    Private,
    Public,
}

/// Whether a request that changes something was sent by one of our own pages, or by no browser at all. Browsers say
/// `Origin` with every POST and, since 2023, `Sec-Fetch-Site`.
pub(crate) fn is_own_page(request: &HttpRequest, site: &Site) -> bool {
    let said = text(request, &FETCH_SITE);
    if said.is_some_and(|said| !matches!(said, "same-origin" | "none")) {
        return false;
    }
    let Some(origin) = request.headers().get(ORIGIN) else {
        return true;
    };
    let authority = origin.to_str().ok().and_then(authority);
    let Some(authority) = authority else {
        return false;
    };
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let forwarded = peer
        .filter(|peer| site.trusts(*peer))
        .and_then(|_| text(request, &FORWARDED_HOST))
        .and_then(last);
    let hosts = [forwarded, text(request, &HOST), site.public_authority()];
    hosts
        .into_iter()
        .flatten()
        .any(|host| host.eq_ignore_ascii_case(authority))
}

fn text<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

fn last(list: &str) -> Option<&str> {
    list.rsplit(',').next().map(str::trim)
}

/// Host and port of `http://host:port/path`.
pub(crate) fn authority(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split(['/', '?', '#']).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn request(peer: &str, headers: &[(&'static str, &str)]) -> HttpRequest {
        let request = TestRequest::post().peer_addr(peer.parse().unwrap());
        let request = headers.iter().fold(request, |request, header| {
            request.insert_header((header.0, header.1))
        });
        request.to_http_request()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let site = crate::site::tests::site(&["10.0.0.0/8"]);
        let headers = [
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.9"),
            ("x-forwarded-proto", "https"),
        ];
        for (peer, address, tls) in [
            ("10.0.0.1:1", "1.2.3.4", true),
            ("[::ffff:10.0.0.1]:1", "1.2.3.4", true),
            ("11.0.0.1:1", "11.0.0.1", false),
        ] {
            let arrival = Arrival::of(&request(peer, &headers), &site);
            assert_eq!(
                (arrival.address.to_string().as_str(), arrival.tls),
                (address, tls)
            );
        }
        let odd = [("x-forwarded-for", "nonsense")];
        let arrival = Arrival::of(&request("10.0.0.1:1", &odd), &site);
        assert_eq!(arrival.address.to_string(), "10.0.0.1");
    }

    #[test]
    fn plain_http_is_told_by_who_could_read_along() {
        for (address, tls, expected) in [
            ("127.0.0.1", false, Plain::No),
            ("::1", false, Plain::No),
            ("192.168.3.4", false, Plain::Private),
            ("fd00::4", false, Plain::Private),
            ("8.8.8.8", false, Plain::Public),
            ("8.8.8.8", true, Plain::No),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Arrival { address, tls }.plain(), expected, "{address}");
        }
    }

    #[test]
    fn forms_come_from_our_own_pages_only() {
        let site = crate::site::tests::site(&[]);
        for (headers, own) in [
            (vec![("host", "a:1")], true),
            (vec![("host", "a:1"), ("origin", "http://a:1")], true),
            (vec![("host", "a:1"), ("origin", "http://a:2")], false),
            (
                vec![("host", "a:1"), ("origin", "https://shop.example")],
                true,
            ),
            (vec![("host", "a:1"), ("origin", "null")], false),
            (vec![("host", "a:1"), ("origin", "http://evil")], false),
            (
                vec![("host", "a:1"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (
                vec![("host", "a:1"), ("sec-fetch-site", "same-site")],
                false,
            ),
            (
                vec![("host", "a:1"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (
                vec![
                    ("host", "a"),
                    ("origin", "http://b"),
                    ("x-forwarded-host", "b"),
                ],
                false,
            ),
        ] {
            let request = request("9.9.9.9:1", &headers);
            assert_eq!(is_own_page(&request, &site), own, "{headers:?}");
        }
    }
}
