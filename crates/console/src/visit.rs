//! Whose page is being made, and the answers to what a person did. Handlers take a [`Visit`] as an argument; it must
//! never be made of anything but a checked session.

use access::{Caller, Gate, Scope};
use actix_web::cookie::time;
use actix_web::dev::Payload;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use serde::Deserialize;
use service::{Code, Form, Problem};
use std::future::{Ready, ready};

use crate::arrival::Arrival;
use crate::flash::Flash;
use crate::frame::{Frame, Notice};
use crate::session::{Session, cookie};
use crate::sign_in::own_path;
use crate::site::Site;

/// The answer to a form.
pub type Answer = HttpResponse;

const SEEN: &str = "seen";
const SEEN_SECONDS_KEPT: i64 = 365 * 24 * 3_600;

/// Somebody before a browser, signed in or not.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) site: Data<Site>,
    pub(crate) session: Session,
    pub(crate) arrival: Arrival,
    pub(crate) flash: Option<Flash>,
    pub(crate) caller: Option<Caller>,
    /// When its troubles were last looked at.
    pub(crate) seen_at_ms: Option<i64>,
    /// Path and query of this page.
    pub(crate) here: String,
}

impl Guest {
    pub(crate) fn token(&self) -> String {
        self.session.token(&self.site.sealer)
    }
}

impl FromRequest for Guest {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guest = request.extensions().get::<Self>().cloned();
        ready(guest.ok_or_else(|| Problem::internal("a page without a guard asks for its guest")))
    }
}

/// What the visitor may do: pages show no button that would be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct May {
    pub upload: bool,
    pub publish: bool,
    pub manage: bool,
    pub admin: bool,
}

/// A visit of somebody who may look.
#[derive(Clone)]
pub struct Visit {
    pub caller: Caller,
    guest: Guest,
}

impl Visit {
    pub fn may(&self) -> May {
        let allow = |scope| self.caller.scopes.allow(scope);
        May {
            upload: allow(Scope::Upload),
            publish: allow(Scope::Publish),
            manage: allow(Scope::Manage),
            admin: allow(Scope::Admin),
        }
    }

    /// The layout around a page; `at` is the navigation's place that it belongs to.
    pub fn frame(&self, title: impl Into<String>, at: &str) -> Frame {
        self.frame_with(title, at, Vec::new())
    }

    /// The same with troubles told above the page.
    pub fn frame_with(&self, title: impl Into<String>, at: &str, notices: Vec<Notice>) -> Frame {
        Frame::new(&self.guest, title.into(), at, notices)
    }

    /// The token for forms that are not in a template with a frame.
    pub fn token(&self) -> String {
        self.guest.token()
    }

    /// Since when troubles are news to this browser.
    pub fn seen_at_ms(&self) -> Option<i64> {
        self.guest.seen_at_ms
    }

    /// Refuses a form without this session's token: 403 `forbidden`. Only for uploads; the guard does it for the others.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub fn check(&self, token: &str) -> Result<(), Problem> {
        check_token(&self.guest, token)
    }

    /// Goes on to `path`, which tells that it was done.
    ///
    /// # Errors
    /// [`Code::Internal`] when the system gives no randomness.
    pub fn done(&self, path: &str, text: impl Into<String>) -> Result<Answer, Problem> {
        let text = text.into();
        let flash = Flash {
            text,
            undo: None,
            secret: None,
        };
        self.told(path, flash)
    }

    /// The same, with a button that undoes it by a post to `undo`.
    ///
    /// # Errors
    /// As [`Visit::done`].
    pub fn undoable(
        &self,
        path: &str,
        text: impl Into<String>,
        undo: impl Into<String>,
    ) -> Result<Answer, Problem> {
        let flash = Flash {
            text: text.into(),
            undo: Some(undo.into()),
            secret: None,
        };
        self.told(path, flash)
    }

    /// Goes on to `path`, which shows a secret this once; it is on the way for a minute, sealed.
    ///
    /// # Errors
    /// As [`Visit::done`].
    pub fn revealed(
        &self,
        path: &str,
        text: impl Into<String>,
        secret: impl Into<String>,
    ) -> Result<Answer, Problem> {
        let flash = Flash {
            text: text.into(),
            undo: None,
            secret: Some(secret.into()),
        };
        self.told(path, flash)
    }

    fn told(&self, path: &str, flash: Flash) -> Result<Answer, Problem> {
        let cookie = flash.cookie(&self.guest.site, self.guest.arrival);
        let cookie = cookie.ok_or_else(no_randomness)?;
        Ok(see_other(path).cookie(cookie).finish())
    }

    /// Goes on to `path`; from now on earlier troubles are no news.
    fn saw(&self, path: &str, now_ms: i64) -> Answer {
        let name = self.guest.site.cookie(SEEN);
        let kept = time::Duration::seconds(SEEN_SECONDS_KEPT);
        let cookie = cookie(name, now_ms.to_string(), self.guest.arrival);
        see_other(path)
            .cookie(cookie.max_age(kept).finish())
            .finish()
    }
}

impl FromRequest for Visit {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guest = request.extensions().get::<Guest>().cloned();
        let visit = guest.and_then(|guest| {
            let caller = guest.caller.clone()?;
            Some(Self { caller, guest })
        });
        ready(visit.ok_or_else(|| Problem::internal("a page without a guard asks for its visit")))
    }
}

/// The button beside troubles that are told above a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Where it goes on.
    #[serde(default)]
    next: String,
}

/// `POST /console/seen`: what is told now is known.
pub async fn seen(gate: Data<Gate>, visit: Visit, Form(form): Form<Seen>) -> Answer {
    visit.saw(own_path(&form.next), gate.now_ms())
}

pub(crate) fn check_token(guest: &Guest, token: &str) -> Result<(), Problem> {
    if guest.session.is_token(&guest.site.sealer, token) {
        return Ok(());
    }
    let detail = "this form is not from a page of this session, or the session has ended: go back, load the page \
                  again and repeat it";
    Err(Problem::new(Code::Forbidden, detail))
}

pub(crate) fn no_randomness() -> Problem {
    Problem::internal("the system gives no randomness")
}

/// 303: the answer to a form that was done, so that loading the page again does not repeat it.
pub(crate) fn see_other(path: &str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, path));
    answer
}

pub(crate) fn seen_at_ms(request: &HttpRequest, site: &Site) -> Option<i64> {
    request.cookie(&site.cookie(SEEN))?.value().parse().ok()
}
