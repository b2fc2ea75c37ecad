//! Keys as pages show and make them, the same in both services: for `_keys.html`. Never shows a key's text but on the one
//! page after it was made.

use access::{KEY_NAME, KeyRecord, Keys, NewKey, Scope, Scopes, key_name};
use actix_web::web::{Data, Path};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use service::{Form, Problem};

use crate::visit::{Answer, Visit};
use crate::write::Time;

/// Where they are shown.
const AT: &str = "/console/settings";

/// A key without its text.
pub struct KeyLine {
    pub id: i64,
    pub name: String,
    pub scopes: String,
    pub hint: String,
    pub created: Time,
    pub expires: Option<Time>,
    /// Whether the visitor came with it.
    pub is_own: bool,
}

impl KeyLine {
    fn of(key: KeyRecord, visit: &Visit) -> Self {
        Self {
            id: key.id,
            scopes: key.scopes().to_string(),
            name: key.name,
            hint: key.hint,
            created: Time(key.created_at_ms),
            expires: key.expires_at_ms.map(Time),
            is_own: visit.caller.key_id == Some(key.id),
        }
    }
}

/// The tenant's keys, for administrators; none for others.
///
/// # Errors
/// Those of the database.
pub async fn key_lines(keys: &Keys, visit: &Visit) -> Result<Vec<KeyLine>, Problem> {
    if !visit.may().admin {
        return Ok(Vec::new());
    }
    let listed = keys.list(visit.caller.tenant_id).await?.into_iter();
    Ok(listed.map(|key| KeyLine::of(key, visit)).collect())
}

/// A key to be made, as its form holds it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyForm {
    name: String,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    expires: String,
}

/// `POST /console/settings/keys`: the key is shown on the next page, this once.
///
/// # Errors
/// 422 naming the field, and those of the database.
pub async fn create_key(
    keys: Data<Keys>,
    visit: Visit,
    Form(form): Form<KeyForm>,
) -> Result<Answer, Problem> {
    let unfit = || Problem::invalid_field("name", KEY_NAME);
    let name = key_name(&form.name).ok_or_else(unfit)?;
    let words = form.scope.iter();
    let scopes: Option<Scopes> = words.map(|word| Scope::parse(word)).collect();
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    let scopes = scopes.ok_or_else(|| Problem::invalid_field("scope", "tick at least one"))?;
    let new = NewKey {
        name: name.to_owned(),
        scopes,
        expires_at_ms: match form.expires.trim() {
            "" => None,
            text => Some(moment(text)?),
        },
    };
    let created = keys.create(visit.caller.tenant_id, new).await?;
    let text = "The key is made. It is shown this once";
    visit.revealed(AT, text, created.text.expose())
}

/// `2027-12-31`, as its beginning in UTC, or a time with its zone; in ms since 1970.
fn moment(text: &str) -> Result<i64, Problem> {
    let day = text.parse::<Date>().ok();
    let day = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    let time = text
        .parse()
        .or_else(|cause| day.map(|day| day.timestamp()).ok_or(cause));
    let time: Timestamp = time.map_err(|_no_time: jiff::Error| {
        Problem::invalid_field(
            "expires",
            "give a day such as 2027-12-31, or 2027-12-31T12:00:00Z",
        )
    })?;
    Ok(time.as_millisecond())
}

/// `POST /console/settings/keys/{id}/revoke`.
///
/// # Errors
/// 404 for a key that the tenant has not, and those of the database.
pub async fn revoke_key(keys: Data<Keys>, visit: Visit, id: Path<i64>) -> Result<Answer, Problem> {
    match keys.revoke(visit.caller.tenant_id, *id).await? {
        true => visit.done(AT, "The key is revoked"),
        false => Err(Problem::not_found(format!("key {id}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(moment("1970-01-02").unwrap(), 86_400_000);
        assert_eq!(moment("1970-01-01T01:00:00+01:00").unwrap(), 0);
        for text in ["soon", "2027-02-30", "12"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
