//! Who made a request. Handlers take one as an argument; it must never be made from anything but a checked key.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use service::{Code, Problem};
use std::future::{Ready, ready};
use std::sync::Arc;

use crate::scope::{Scope, Scopes};

/// The tenant a request speaks for, and what it may do.
#[derive(Debug, Clone)]
pub struct Caller {
    pub tenant_id: i64,
    /// The tenant's name, as events carry it.
    pub tenant: Arc<str>,
    /// None when keys are not asked for, and for another service in this process.
    pub key_id: Option<i64>,
    pub scopes: Scopes,
}

impl Caller {
    /// # Errors
    /// 403 `forbidden`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.allow(scope) {
            return Ok(());
        }
        let (needed, held) = (scope.name(), self.scopes);
        Err(Problem::new(
            Code::Forbidden,
            format!("this needs the scope {needed}; the key has: {held}"),
        ))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        ready(
            caller.ok_or_else(|| Problem::internal("a route without a scope asks for its caller")),
        )
    }
}
