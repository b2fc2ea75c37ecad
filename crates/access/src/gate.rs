//! Checks a request's key before its handler runs. Holds all live keys in memory, so that a flood of wrong ones costs no
//! database read. It must never let a request pass whose route names no scope into a handler that asks for a [`Caller`].

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, Route, web};
use db::Clock;
use service::{Code, Problem};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::caller::Caller;
use crate::key::{KeyHash, KeyText};
use crate::scope::Scope;

/// A live key.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) caller: Caller,
    pub(crate) expires_at_ms: Option<i64>,
}

/// The keys that open a service, as application data.
pub struct Gate {
    /// Who everybody is while keys are not asked for.
    open_as: Option<Caller>,
    held: RwLock<HashMap<KeyHash, Held>>,
    /// Of another service in this process; it stands nowhere else.
    lent: OnceLock<(KeyHash, Caller)>,
    clock: Arc<dyn Clock>,
}

impl Gate {
    pub(crate) fn new(open_as: Option<Caller>, clock: Arc<dyn Clock>) -> Self {
        Self {
            open_as,
            held: RwLock::default(),
            lent: OnceLock::new(),
            clock,
        }
    }

    pub(crate) fn replace(&self, held: HashMap<KeyHash, Held>) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// Opens for one more key as long as the process lives; a second one is not taken.
    pub(crate) fn lend(&self, key: &KeyText, caller: Caller) {
        self.lent.get_or_init(|| (key.hash(), caller));
    }

    /// Who makes this request.
    ///
    /// # Errors
    /// 401 `unauthorized` without a live key.
    pub fn caller(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        let header = request.headers().get(AUTHORIZATION);
        if let (Some(caller), None) = (&self.open_as, header) {
            return Ok(caller.clone());
        }
        let Some(header) = header else {
            return Err(refused("send a key: Authorization: Bearer dw_…"));
        };
        let key = header.to_str().ok().and_then(KeyText::from_header);
        let key = key.ok_or_else(|| {
            refused("the authorization header must be `Bearer` and a key that begins with dw_")
        })?;
        self.find(&key)
            .or_else(|| self.open_as.clone())
            .ok_or_else(|| {
                refused("no live key is like this one: it is mistyped, revoked or expired")
            })
    }

    /// Who everybody is while keys are not asked for.
    pub fn open_as(&self) -> Option<Caller> {
        self.open_as.clone()
    }

    /// The time that keys expire by, in ms since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The holder of a key that is neither revoked nor expired.
    pub fn find(&self, key: &KeyText) -> Option<Caller> {
        let hash = key.hash();
        if let Some((_, caller)) = self.lent.get().filter(|(lent, _)| *lent == hash) {
            return Some(caller.clone());
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.get(&hash)?;
        let live = held
            .expires_at_ms
            .is_none_or(|end| self.clock.now_ms() < end);
        live.then(|| held.caller.clone())
    }
}

fn refused(detail: &str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
}

/// A route for callers with `scope`: 401 without a key, 403 when the key does not allow it.
pub fn allow(scope: Scope, route: Route) -> Route {
    route.wrap(from_fn(move |request, next| check(scope, request, next)))
}

async fn check<B: MessageBody + 'static>(
    scope: Scope,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match admit(scope, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(problem) => Ok(request
            .into_response(problem.error_response())
            .map_into_right_body()),
    }
}

fn admit(scope: Scope, request: &ServiceRequest) -> Result<Caller, Problem> {
    let gate = request.app_data::<web::Data<Gate>>();
    let gate = gate.ok_or_else(|| Problem::internal("the service has no gate"))?;
    let caller = gate.caller(request.request())?;
    caller.require(scope)?;
    Ok(caller)
}
