//! Which names a service answers to while it asks for no keys. A web page elsewhere must never reach it
//! through a visitor's browser: neither under a name of its own that leads here, nor by a form it sends.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderName, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest};

use crate::{Code, Problem};

/// The accepted names, as application data; [`crate::app`] checks them where a service has set them.
#[derive(Debug, Clone)]
pub struct Hosts {
    public: Option<Arc<str>>,
}

impl Hosts {
    /// Loopback addresses, `localhost`, and the host of `public_url`.
    pub fn loopback_and(public_url: &str) -> Self {
        let public = host_of_url(public_url).map(|host| host.to_ascii_lowercase().into());
        Self { public }
    }

    /// Whether the host of `Host` and, if a browser says one, that of `Origin` are accepted. What is not a
    /// browser may leave both out.
    fn accept(&self, request: &HttpRequest) -> bool {
        let said = |name: HeaderName| match request.headers().get(name) {
            None => Ok(None),
            Some(value) => value.to_str().map(Some).map_err(|_not_ascii| ()),
        };
        let (Ok(host), Ok(origin)) = (said(HOST), said(ORIGIN)) else {
            return false;
        };
        host.is_none_or(|host| self.knows(without_port(host)))
            && origin.is_none_or(|origin| host_of_url(origin).is_some_and(|host| self.knows(host)))
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || self.public.as_deref() == Some(host.as_str())
            || address
                .parse()
                .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
    }
}

/// The middleware.
pub(crate) async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let refused = request
        .app_data::<Hosts>()
        .is_some_and(|hosts| !hosts.accept(request.request()));
    if refused {
        return Err(Problem::new(
            Code::Misdirected,
            "this service answers on loopback and under its public_url only, and to no other site's pages",
        )
        .into());
    }
    next.call(request).await
}

/// The host in `http://host:port/path`; `None` in the opaque origin `null`.
fn host_of_url(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(without_port(authority))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_this_machine_and_the_public_name_are_answered() {
        let hosts = Hosts::loopback_and("https://Files.shop.example:8443/x");
        let accepted = |host: &str, origin: Option<&str>| {
            let mut request = TestRequest::get().insert_header((HOST, host));
            if let Some(origin) = origin {
                request = request.insert_header((ORIGIN, origin));
            }
            hosts.accept(&request.to_http_request())
        };
        for host in [
            "127.0.0.1:8081",
            "127.0.0.1",
            "localhost:1",
            "LOCALHOST.",
            "[::1]:8081",
            "[::1]",
            "files.shop.example",
            "FILES.shop.example:8443",
        ] {
            assert!(accepted(host, None), "{host}");
            assert!(accepted(host, Some("http://localhost:3000")), "{host}");
            for origin in [
                "https://evil.example",
                "null",
                "http://127.0.0.1.evil.example",
            ] {
                assert!(!accepted(host, Some(origin)), "{origin}");
            }
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:8081",
            "10.0.0.1",
            "[::2]:1",
            "",
            ":80",
        ] {
            assert!(!accepted(host, None), "{host}");
        }
        assert!(hosts.accept(&TestRequest::get().to_http_request()));
    }
}
