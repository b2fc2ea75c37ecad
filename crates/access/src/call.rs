//! A row of a service's route table: what is called, by whom, and what it is for. The routes and the description of a
//! service are both made of such rows, so that neither can fall behind.

use actix_web::web::{PathConfig, ServiceConfig, delete, patch, post, put, resource};
use actix_web::{Resource, Route};
use service::{Code, Problem, get};

use crate::gate::allow;
use crate::scope::Scope;

/// A method, as a route table needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// Its name among the description's schemas.
    pub schema: &'static str,
    pub media_type: &'static str,
    /// Whether the call cannot do without.
    pub required: bool,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub verb: Verb,
    pub path: &'static str,
    /// What a key must allow; `None`: no key is asked for.
    pub scope: Option<Scope>,
    pub summary: &'static str,
    pub body: Option<Body>,
    /// What its query may ask.
    pub asks: &'static [&'static str],
    /// The status of its success.
    pub answers: u16,
    /// `None`: another module adds the route itself.
    to: Option<fn(Route) -> Route>,
}

impl Call {
    /// A call for keys with `scope`.
    pub const fn new(
        verb: Verb,
        path: &'static str,
        scope: Scope,
        summary: &'static str,
        to: fn(Route) -> Route,
    ) -> Self {
        Self {
            to: Some(to),
            ..Self::elsewhere(verb, path, Some(scope), summary)
        }
    }

    /// A call for everybody.
    pub const fn open(
        verb: Verb,
        path: &'static str,
        summary: &'static str,
        to: fn(Route) -> Route,
    ) -> Self {
        Self {
            to: Some(to),
            ..Self::elsewhere(verb, path, None, summary)
        }
    }

    /// A call whose route another module adds.
    pub const fn elsewhere(
        verb: Verb,
        path: &'static str,
        scope: Option<Scope>,
        summary: &'static str,
    ) -> Self {
        Self {
            verb,
            path,
            scope,
            summary,
            body: None,
            asks: &[],
            answers: 200,
            to: None,
        }
    }

    /// It takes JSON of this schema.
    #[must_use]
    pub const fn takes(self, schema: &'static str) -> Self {
        self.with_body(schema, "application/json", true)
    }

    /// It takes JSON of this schema, or nothing.
    #[must_use]
    pub const fn may_take(self, schema: &'static str) -> Self {
        self.with_body(schema, "application/json", false)
    }

    /// It takes a form with files.
    #[must_use]
    pub const fn takes_files(self, schema: &'static str) -> Self {
        self.with_body(schema, "multipart/form-data", true)
    }

    #[must_use]
    pub const fn asks(self, names: &'static [&'static str]) -> Self {
        Self {
            asks: names,
            ..self
        }
    }

    #[must_use]
    pub const fn answers(self, status: u16) -> Self {
        Self {
            answers: status,
            ..self
        }
    }

    const fn with_body(
        self,
        schema: &'static str,
        media_type: &'static str,
        required: bool,
    ) -> Self {
        Self {
            body: Some(Body {
                schema,
                media_type,
                required,
            }),
            ..self
        }
    }
}

impl Verb {
    fn route(self) -> Route {
        match self {
            Self::Get => get(),
            Self::Post => post(),
            Self::Put => put(),
            Self::Patch => patch(),
            Self::Delete => delete(),
        }
    }

    /// As OpenAPI writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// Adds every call of a table that has a route, each with its whole path; those of one path stand together and are one
/// resource, which answers 405 to other methods. `add` may wrap it. A path whose id cannot be one is 404.
pub fn mount<P: AsRef<str>>(
    routes: &mut ServiceConfig,
    table: &[(P, &Call)],
    add: impl Fn(&mut ServiceConfig, Resource),
) {
    routes.app_data(
        PathConfig::default()
            .error_handler(|_, _| Problem::new(Code::NotFound, "nothing has this id").into()),
    );
    let resources = || table.chunk_by(|(a, _), (b, _)| a.as_ref() == b.as_ref());
    let has_id = |calls: &&[(P, &Call)]| calls.iter().any(|(path, _)| path.as_ref().contains('{'));
    // Tried in this order: a fixed path is compared, one with an id is matched against a pattern.
    let fixed = resources().filter(|calls| !has_id(calls));
    for calls in fixed.chain(resources().filter(has_id)) {
        let mounted = calls
            .iter()
            .filter_map(|(path, call)| Some((path, call, call.to?)));
        let mut at = None;
        for (path, call, to) in mounted {
            let resource = at.unwrap_or_else(|| resource(path.as_ref()));
            let route = to(call.verb.route());
            at = Some(resource.route(match call.scope {
                Some(scope) => allow(scope, route),
                None => route,
            }));
        }
        if let Some(resource) = at {
            add(routes, resource);
        }
    }
}
