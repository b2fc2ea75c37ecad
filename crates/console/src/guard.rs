//! Stands before every page: finds the session and its key, refuses what is not allowed or not from our own pages, takes
//! the token off forms, and makes pages of problems. It must never let a form through whose token it has not checked,
//! except an upload, whose handler does that.

use access::{Gate, Scope};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Bytes, Data};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, Route};
use futures_util::stream;
use service::{Code, Form, Problem};

use crate::arrival::{Arrival, is_own_page};
use crate::flash::{self, Flash};
use crate::pages::problem_page;
use crate::session::{Session, forget};
use crate::sign_in::SIGN_IN;
use crate::site::Site;
use crate::visit::{Guest, check_token, no_randomness, see_other, seen_at_ms};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");
/// The field of a form's token.
const TOKEN: &str = "csrf";

/// What is looked at before a handler runs.
#[derive(Debug, Clone, Copy)]
struct Door {
    /// `None`: nobody has to be signed in.
    scope: Option<Scope>,
    form: Sent,
}

/// What a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Form,
    Upload,
}

/// A page for visitors with `scope`; others are asked to sign in, or told that they may not.
pub fn page(scope: Scope, route: Route) -> Route {
    guarded(Some(scope), Sent::Nothing, route)
}

/// A form that changes something. Its token is checked and taken off: the handler sees the other fields.
pub fn action(scope: Scope, route: Route) -> Route {
    guarded(Some(scope), Sent::Form, route)
}

/// An upload. Its first field must be `csrf`; the handler hands it to [`crate::Visit::check`] before it reads another.
pub fn upload(scope: Scope, route: Route) -> Route {
    guarded(Some(scope), Sent::Upload, route)
}

pub(crate) fn open_page(route: Route) -> Route {
    guarded(None, Sent::Nothing, route)
}

pub(crate) fn open_action(route: Route) -> Route {
    guarded(None, Sent::Form, route)
}

fn guarded(scope: Option<Scope>, form: Sent, route: Route) -> Route {
    let door = Door { scope, form };
    route.wrap(from_fn(move |request, next| check(door, request, next)))
}

async fn check<B: MessageBody + 'static>(
    door: Door,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (http, payload) = request.parts_mut();
    let (guest, is_new) = match guest(http) {
        Ok(found) => found,
        Err(problem) => return Err(problem.into()),
    };
    let admitted = admit(door, http, payload, &guest).await;
    let answer = match admitted {
        Ok(()) => {
            if let Some(caller) = guest.caller.clone() {
                request.extensions_mut().insert(caller);
            }
            request.extensions_mut().insert(guest.clone());
            next.call(request).await?.map_into_boxed_body()
        }
        Err(Turned::Away(problem)) => {
            let page = problem_page(&guest, &problem);
            request.into_response(page)
        }
        Err(Turned::ToSignIn) => {
            let answer = to_sign_in(&request, &guest);
            request.into_response(answer)
        }
    };
    Ok(finish(answer, &guest, is_new))
}

enum Turned {
    Away(Problem),
    ToSignIn,
}

impl From<Problem> for Turned {
    fn from(problem: Problem) -> Self {
        Self::Away(problem)
    }
}

/// Who it is, and whether the browser has to be given a session first.
fn guest(request: &HttpRequest) -> Result<(Guest, bool), Problem> {
    let missing = || Problem::internal("the service has no console or no gate");
    let site = request.app_data::<Data<Site>>().ok_or_else(missing)?;
    let gate = request.app_data::<Data<Gate>>().ok_or_else(missing)?;
    let arrival = Arrival::of(request, site);
    let now_ms = gate.now_ms();
    let found = Session::find(request, site, now_ms);
    let is_new = found.is_none();
    let session = match found {
        Some(session) => session,
        None => Session::new(&site.sealer, None, now_ms).ok_or_else(no_randomness)?,
    };
    let holder = session.key.as_ref().and_then(|key| gate.find(key));
    let guest = Guest {
        caller: holder.or_else(|| gate.open_as()),
        flash: Flash::find(request, site),
        seen_at_ms: seen_at_ms(request, site),
        here: request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        site: Data::clone(site),
        session,
        arrival,
    };
    Ok((guest, is_new))
}

async fn admit(
    door: Door,
    request: &HttpRequest,
    payload: &mut Payload,
    guest: &Guest,
) -> Result<(), Turned> {
    if door.form != Sent::Nothing && !is_own_page(request, &guest.site) {
        let detail = "this was sent by a page of another site";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    if let Some(scope) = door.scope {
        let caller = guest.caller.as_ref().ok_or(Turned::ToSignIn)?;
        caller.require(scope)?;
    }
    if door.form == Sent::Form {
        let form = Form::<Vec<(String, String)>>::from_request(request, payload);
        let Form(mut fields) = form.await?;
        let token = fields.iter().find(|(name, _)| name == TOKEN);
        check_token(guest, token.map_or("", |(_, token)| token))?;
        fields.retain(|(name, _)| name != TOKEN);
        let body = serde_html_form::to_string(&fields).map_err(Problem::internal)?;
        let body: Result<Bytes, PayloadError> = Ok(body.into());
        *payload = Payload::Stream {
            payload: Box::pin(stream::iter([body])),
        };
    }
    Ok(())
}

/// A page that is loaded comes back after the sign-in; what was to be done has to be done again.
fn to_sign_in(request: &ServiceRequest, guest: &Guest) -> HttpResponse {
    let is_page = request.method().is_safe();
    let to = match serde_html_form::to_string([("next", &guest.here)]) {
        Ok(next) if is_page => format!("{SIGN_IN}?{next}"),
        _ => SIGN_IN.to_owned(),
    };
    match request.headers().contains_key(HX_REQUEST) {
        true => HttpResponse::Unauthorized()
            .insert_header((HX_REDIRECT, SIGN_IN))
            .finish(),
        false => see_other(&to).finish(),
    }
}

/// Makes a page of a handler's problem, and gives every answer what it must carry.
fn finish(answer: ServiceResponse, guest: &Guest, is_new: bool) -> ServiceResponse {
    let problem = answer.response().error();
    let page = problem
        .and_then(|error| error.as_error::<Problem>())
        .map(|problem| problem_page(guest, problem));
    let mut answer = match page {
        Some(page) => answer.into_response(page),
        None => answer,
    };
    let response = answer.response_mut();
    let is_page = is_html(response.headers());
    harden(response.headers_mut());
    let name = guest.site.cookie(flash::PURPOSE);
    if is_page && guest.flash.is_some() && response.cookies().all(|cookie| cookie.name() != name) {
        add_cookie(response, &forget(name, guest.arrival));
    }
    if is_new && let Some(cookie) = guest.session.cookie(&guest.site, guest.arrival) {
        let given = response.cookies().any(|set| set.name() == cookie.name());
        if !given {
            add_cookie(response, &cookie);
        }
    }
    answer
}

fn add_cookie(response: &mut HttpResponse, cookie: &actix_web::cookie::Cookie<'_>) {
    if let Err(cause) = response.add_cookie(cookie) {
        // Its name and value are letters and digits.
        let problem = Problem::internal(cause.to_string());
        *response = HttpResponse::from_error(problem);
    }
}

fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

fn harden(headers: &mut HeaderMap) {
    let wanted = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in wanted {
        // A picture has its own policy.
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
