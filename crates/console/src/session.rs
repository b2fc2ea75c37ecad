//! Who sits before a browser: a sealed cookie with the key that was typed in. It grants nothing by itself; the key is
//! looked up anew with every request.

use access::KeyText;
use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time};

use crate::arrival::Arrival;
use crate::seal::Sealer;
use crate::site::Site;

const PURPOSE: &str = "session";
const NONCE_BYTES: usize = 16;
const HOUR_MS: i64 = 3_600_000;

/// One browser, signed in or not.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// What its forms are known by.
    nonce: [u8; NONCE_BYTES],
    began_at_ms: i64,
    pub(crate) key: Option<KeyText>,
}

impl Session {
    /// A new one; `None` when the system gives no randomness.
    pub(crate) fn new(sealer: &Sealer, key: Option<KeyText>, now_ms: i64) -> Option<Self> {
        Some(Self {
            nonce: sealer.random()?,
            began_at_ms: now_ms,
            key,
        })
    }

    /// The session of a request, if it holds one that has not ended.
    pub(crate) fn find(request: &HttpRequest, site: &Site, now_ms: i64) -> Option<Self> {
        let cookie = request.cookie(&site.cookie(PURPOSE))?;
        let bytes = site.sealer.open(PURPOSE, cookie.value())?;
        let session = Self::read(&bytes)?;
        let hours = i64::try_from(site.settings.session_hours_max).unwrap_or(i64::MAX);
        let ends_at_ms = session
            .began_at_ms
            .saturating_add(hours.saturating_mul(HOUR_MS));
        (now_ms < ends_at_ms).then_some(session)
    }

    /// The cookie to be kept; `None` when the system gives no randomness.
    pub(crate) fn cookie(&self, site: &Site, arrival: Arrival) -> Option<Cookie<'static>> {
        let hours = i64::try_from(site.settings.session_hours_max).unwrap_or(i64::MAX);
        let text = site.sealer.seal(PURPOSE, &self.write())?;
        let cookie = cookie(site.cookie(PURPOSE), text, arrival);
        Some(
            cookie
                .max_age(time::Duration::seconds(hours.saturating_mul(3_600)))
                .finish(),
        )
    }

    pub(crate) fn token(&self, sealer: &Sealer) -> String {
        sealer.token(&self.nonce)
    }

    pub(crate) fn is_token(&self, sealer: &Sealer, text: &str) -> bool {
        sealer.is_token(&self.nonce, text)
    }

    fn write(&self) -> Vec<u8> {
        let key = self.key.as_ref().map_or("", KeyText::expose);
        let began = self.began_at_ms.to_be_bytes();
        [self.nonce.as_slice(), &began, key.as_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (began, key) = rest.split_first_chunk()?;
        let key = match key {
            [] => None,
            key => Some(KeyText::parse(std::str::from_utf8(key).ok()?)?),
        };
        Some(Self {
            nonce: *nonce,
            began_at_ms: i64::from_be_bytes(*began),
            key,
        })
    }
}

/// A cookie that only the console's own requests carry and no script can read.
pub(crate) fn cookie(
    name: String,
    value: String,
    arrival: Arrival,
) -> actix_web::cookie::CookieBuilder<'static> {
    Cookie::build(name, value)
        .path("/console")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(arrival.tls)
}

/// Makes a browser forget a cookie.
pub(crate) fn forget(name: String, arrival: Arrival) -> Cookie<'static> {
    let cookie = cookie(name, String::new(), arrival);
    cookie.max_age(time::Duration::ZERO).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let sealer = Sealer::new(&[1; 32], "ingest").unwrap();
        for key in [None, KeyText::generate()] {
            let session = Session::new(&sealer, key, 7).unwrap();
            let read = Session::read(&session.write()).unwrap();
            assert_eq!((read.nonce, read.began_at_ms), (session.nonce, 7));
            let text = |session: &Session| session.key.clone().map(|key| key.expose().to_owned());
            assert_eq!(text(&read), text(&session));
            let token = session.token(&sealer);
            assert!(read.is_token(&sealer, &token));
        }
        for bytes in [&[][..], &[0; 23], &[b'x'; 30]] {
            assert!(Session::read(bytes).is_none());
        }
    }
}
