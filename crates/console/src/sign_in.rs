//! `/console/sign-in` and `/console/sign-out`: a key for a session. It must never show or log the key.

use access::{Gate, KeyText};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;
use service::{Code, Form, Problem, Query};

use crate::arrival::Plain;
use crate::frame::Frame;
use crate::pages::render;
use crate::session::Session;
use crate::visit::{Guest, no_randomness, see_other};

pub(crate) const SIGN_IN: &str = "/console/sign-in";
const HOME: &str = "/console";
const REFUSED: &str = "No live key is like this one: it is mistyped, revoked or expired.";
const NOT_PLAIN: &str = "This connection is not encrypted, so a key could be read on the way. Open this page by https, \
                         or on the machine itself; in a private network console.allow_plain_http = true accepts the \
                         risk.";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    refusal: Option<String>,
    is_closed: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NextQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInForm {
    key: String,
    #[serde(default)]
    next: String,
}

/// `GET /console/sign-in`.
pub(crate) async fn form(
    guest: Guest,
    Query(query): Query<NextQuery>,
) -> Result<HttpResponse, Problem> {
    if guest.caller.is_some() {
        return Ok(see_other(own_path(&query.next)).finish());
    }
    shown(&guest, StatusCode::OK, own_path(&query.next), None)
}

/// `POST /console/sign-in`.
pub(crate) async fn enter(
    guest: Guest,
    gate: Data<Gate>,
    Form(form): Form<SignInForm>,
) -> Result<HttpResponse, Problem> {
    let next = own_path(&form.next);
    if is_closed(&guest) {
        return shown(&guest, StatusCode::FORBIDDEN, next, None);
    }
    let (site, address, now_ms) = (&guest.site, guest.arrival.address, gate.now_ms());
    if let Err(seconds) = site.limiter.attempt(address, now_ms) {
        let detail = format!("too many keys from your address were wrong: wait {seconds} s");
        return Err(Problem::new(Code::TooManyRequests, detail).with_retry_after(seconds));
    }
    let key = KeyText::parse(&form.key).filter(|key| gate.find(key).is_some());
    let Some(key) = key else {
        let refusal = Some(REFUSED.to_owned());
        return shown(&guest, StatusCode::UNAUTHORIZED, next, refusal);
    };
    site.limiter.succeeded(address);
    // A new session, so that nobody can have chosen it for the visitor before.
    let session = Session::new(&site.sealer, Some(key), now_ms);
    let cookie = session.and_then(|session| session.cookie(site, guest.arrival));
    let cookie = cookie.ok_or_else(no_randomness)?;
    Ok(see_other(next).cookie(cookie).finish())
}

/// `POST /console/sign-out`.
pub(crate) async fn leave(guest: Guest, gate: Data<Gate>) -> Result<HttpResponse, Problem> {
    let session = Session::new(&guest.site.sealer, None, gate.now_ms());
    let cookie = session.and_then(|session| session.cookie(&guest.site, guest.arrival));
    let cookie = cookie.ok_or_else(no_randomness)?;
    Ok(see_other(SIGN_IN).cookie(cookie).finish())
}

fn shown(
    guest: &Guest,
    status: StatusCode,
    next: &str,
    refusal: Option<String>,
) -> Result<HttpResponse, Problem> {
    let is_closed = is_closed(guest);
    let page = SignInPage {
        frame: Frame::new(guest, "Sign in".to_owned(), "", Vec::new()),
        next: next.to_owned(),
        refusal: refusal.or_else(|| is_closed.then(|| NOT_PLAIN.to_owned())),
        is_closed,
    };
    render(&page, status)
}

/// Whether a key may not be sent over this connection.
fn is_closed(guest: &Guest) -> bool {
    match guest.arrival.plain() {
        Plain::No => false,
        Plain::Private => !guest.site.settings.allow_plain_http,
        Plain::Public => true,
    }
}

/// The path if it is one of the console's pages, else the first page: a link must not lead away.
pub fn own_path(path: &str) -> &str {
    let rest = path.strip_prefix(HOME);
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match is_below && is_plain && !path.starts_with(SIGN_IN) {
        true => path,
        false => HOME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_our_own_pages_only() {
        for path in ["/console", "/console/files?q=a%20b", "/console?x=1"] {
            assert_eq!(own_path(path), path);
        }
        for path in [
            "",
            "https://evil.example/console",
            "//evil.example",
            "/consoles",
            "/console.evil",
            "/console\\@evil",
            "/console/\r\nx: y",
            "/files/1",
            "/console/sign-in?next=/console",
        ] {
            assert_eq!(own_path(path), HOME, "{path}");
        }
    }
}
