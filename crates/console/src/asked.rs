//! What a list's form or link asks for: a query in which an empty field says nothing. Builds the links that ask a little
//! differently.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{DeserializeOwned, IgnoredAny};
use service::Problem;

/// A query as `T`, which by itself accepts any, and as it was written.
#[derive(Debug, Clone)]
pub struct Asked<T = IgnoredAny> {
    pub query: T,
    path: String,
    fields: Vec<(String, String)>,
}

impl<T> Asked<T> {
    /// The same page with `name` set to `value`, or taken out when that is empty; from its beginning unless it is about the
    /// offset.
    pub fn with(&self, name: &str, value: &str) -> String {
        let stays = |field: &&(String, String)| {
            field.0 != name && field.0 != "offset" && field.0 != "cursor"
        };
        let fields = self.fields.iter().filter(stays);
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
        let changed = (!value.is_empty()).then_some((name, value));
        let fields: Vec<(&str, &str)> = fields.chain(changed).collect();
        // Pairs of texts can always be written.
        match serde_html_form::to_string(&fields) {
            Ok(query) if !query.is_empty() => format!("{}?{query}", self.path),
            _ => self.path.clone(),
        }
    }

    /// The same question to a list at another path, from its beginning.
    pub fn at(&self, path: &str) -> String {
        let moved = Asked {
            query: (),
            path: path.to_owned(),
            fields: self.fields.clone(),
        };
        moved.with("offset", "")
    }

    /// The same question as another type takes it, with these fields besides.
    ///
    /// # Errors
    /// 422 `invalid_field` for a field that it does not know or cannot read.
    pub fn as_query<U: DeserializeOwned>(&self, more: &[(&str, &str)]) -> Result<U, Problem> {
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<(&str, &str)> = fields.chain(more.iter().copied()).collect();
        let query = serde_html_form::to_string(&fields).map_err(Problem::internal)?;
        serde_html_form::from_str(&query).map_err(unreadable)
    }

    /// Where the list is to begin; 0 unless the question says.
    pub fn offset(&self) -> i64 {
        self.text("offset").parse().unwrap_or(0).max(0)
    }

    /// What was asked of `name`; empty when nothing was.
    pub fn text(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|field| field.0 == name);
        field.map_or("", |(_, value)| value)
    }

    /// Whether anything narrows the list.
    pub fn is_narrowed(&self) -> bool {
        let of_place = ["offset", "cursor", "sort"];
        self.fields
            .iter()
            .any(|(name, _)| !of_place.contains(&name.as_str()))
    }
}

impl<T: DeserializeOwned> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.path(), request.query_string()))
    }
}

fn unreadable(cause: serde_html_form::de::Error) -> Problem {
    Problem::invalid_field("query", cause.to_string())
}

fn read<T: DeserializeOwned>(path: &str, query: &str) -> Result<Asked<T>, Problem> {
    let mut fields: Vec<(String, String)> = serde_html_form::from_str(query).map_err(unreadable)?;
    for (_, value) in &mut fields {
        *value = value.trim().to_owned();
    }
    fields.retain(|(_, value)| !value.is_empty());
    let plain = serde_html_form::to_string(&fields).map_err(Problem::internal)?;
    Ok(Asked {
        query: serde_html_form::from_str(&plain).map_err(unreadable)?,
        path: path.to_owned(),
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        q: Option<String>,
        state: Option<String>,
        offset: Option<i64>,
        sort: Option<String>,
    }

    #[test]
    fn empty_fields_say_nothing_and_links_keep_the_others() {
        let asked: Asked<Query> = read("/x", "q=a+%26b&state=&offset=50&sort=name").unwrap();
        assert_eq!(asked.query.q.as_deref(), Some("a &b"));
        assert_eq!(
            (asked.query.state.as_deref(), asked.query.offset),
            (None, Some(50))
        );
        for (name, value, link) in [
            ("offset", "100", "/x?q=a+%26b&sort=name&offset=100"),
            ("q", "", "/x?sort=name"),
            ("state", "<\">", "/x?q=a+%26b&sort=name&state=%3C%22%3E"),
        ] {
            assert_eq!(asked.with(name, value), link);
        }
        assert_eq!((asked.text("q"), asked.text("state")), ("a &b", ""));
        assert_eq!(asked.offset(), 50);
        assert_eq!(asked.at("/x.csv"), "/x.csv?q=a+%26b&sort=name");
        let other: Query = asked.as_query(&[("state", "new")]).unwrap();
        assert_eq!(
            (other.state.as_deref(), other.offset),
            (Some("new"), Some(50))
        );
        assert!(asked.as_query::<Query>(&[("colour", "1")]).is_err());
        assert!(asked.is_narrowed());
        assert!(
            !read::<Query>("/x", "sort=name&offset=1&q=")
                .unwrap()
                .is_narrowed()
        );
        assert!(read::<Query>("/x", "colour=1").is_err());
        assert!(read::<Query>("/x", "offset=x").is_err());
    }
}
