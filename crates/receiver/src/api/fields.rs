//! Fields of bodies that people change: what is absent stays, what is null is taken away; and the condition
//! that nobody else has changed it meanwhile.

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::{Deserialize, Deserializer, Serialize};
use service::Problem;
use std::future::{Ready, ready};

use super::Refused;
use crate::facts::{InvalidFact, text};

/// A field of a change: `None` when it is absent, `Some(None)` when it is null.
pub(super) type Change<T> = Option<Option<T>>;

/// For `#[serde(default, deserialize_with = "change")]`.
pub(super) fn change<'de, T, D>(from: D) -> Result<Change<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(from).map(Some)
}

/// Takes a changed text over, if it is one.
pub(super) fn set_text(
    field: &str,
    change: Change<String>,
    bytes_max: usize,
    to: &mut Option<String>,
) -> Result<(), InvalidFact> {
    if let Some(value) = change {
        *to = text(field, value, bytes_max)?;
    }
    Ok(())
}

/// `If-Match`: the revisions that the caller has seen; `None` when it does not care.
#[derive(Debug, Clone)]
pub(crate) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// This revision alone, as its answer named it in `ETag`.
    pub(crate) fn only(tag: &str) -> Self {
        Self(Some(vec![tag.to_owned()]))
    }

    /// # Errors
    /// [`Refused::Changed`] when the caller has seen none of this revision.
    pub(super) fn check(&self, revision: i64) -> Result<(), Refused> {
        let tag = tag(revision);
        match &self.0 {
            Some(tags) if !tags.iter().any(|one| one == "*" || *one == tag) => {
                Err(Refused::Changed)
            }
            _ => Ok(()),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let tags = headers.get_all(IF_MATCH).flat_map(|value| {
            let text = value.to_str().unwrap_or_default();
            text.split(',').map(|tag| tag.trim().to_owned())
        });
        let tags = headers.contains_key(IF_MATCH).then(|| tags.collect());
        ready(Ok(Self(tags)))
    }
}

fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// An answer that says which revision it is.
pub(super) fn tagged(
    mut answer: HttpResponseBuilder,
    revision: i64,
    body: impl Serialize,
) -> HttpResponse {
    answer.insert_header((ETAG, tag(revision))).json(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_condition_names_revisions_or_anything() {
        let check = |values: &[&str], revision| {
            let mut request = TestRequest::get();
            for value in values {
                request = request.append_header((IF_MATCH, *value));
            }
            let (request, mut payload) = request.to_http_parts();
            let condition = IfMatch::from_request(&request, &mut payload);
            condition.into_inner().unwrap().check(revision).is_ok()
        };
        assert!(check(&[], 1) && check(&["*"], 1));
        assert!(
            check(&["\"1\""], 1) && check(&["\"7\", \"1\""], 1) && check(&["\"7\"", "\"1\""], 1)
        );
        assert!(
            !check(&["\"2\""], 1)
                && !check(&[""], 1)
                && !check(&["1"], 1)
                && !check(&["W/\"1\""], 1)
        );
    }
}
