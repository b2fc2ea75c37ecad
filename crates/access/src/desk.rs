//! Keys made, listed and revoked at the machine itself, without a key; the service may run or not, and hears of it
//! within seconds. It must never print a key: who asked for it gets it once.

use db::{Database, SystemClock, Writer, WriterSettings};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;

use crate::keys::{KEY_NAME, KeyError, Keys, NewKey, key_name};
use crate::scope::{Scope, Scopes};

/// Why a key was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyDeskError {
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("--scopes: `{0}` is no scope: there are upload, read, publish, manage and admin")]
    Scope(String),
    #[error("--scopes: name at least one")]
    NoScope,
    #[error("--name and --tenant: each {KEY_NAME}")]
    Name,
    #[error(
        "--expires: `{0}` is neither a date like 2027-01-31 nor a time like 2027-01-31T12:00:00Z"
    )]
    Expires(String),
    #[error("key {0} does not exist, or is revoked already")]
    NotFound(i64),
}

/// A key as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    pub id: i64,
    pub name: String,
    pub scopes: String,
    /// Its last characters.
    pub hint: String,
    /// RFC 3339.
    pub expires_at: Option<String>,
}

/// The keys of the service whose database this is.
pub struct KeyDesk {
    keys: Keys,
    writer: Writer,
}

impl KeyDesk {
    /// Starts a writer of its own beside the service's. Blocks.
    ///
    /// # Errors
    /// [`KeyError::Database`].
    pub fn open(database: &Database, writer: WriterSettings) -> Result<Self, KeyError> {
        let writer = Writer::start(database, writer)?;
        let keys = Keys::open(database, &writer, Arc::new(SystemClock), true)?;
        Ok(Self { keys, writer })
    }

    /// Makes a key and answers its text; `tenant` is made when there is none of that name. `expires` is a date or
    /// an RFC 3339 time.
    ///
    /// # Errors
    /// [`KeyDeskError`].
    pub async fn create(
        &self,
        tenant: &str,
        name: &str,
        scopes: &[String],
        expires: Option<&str>,
    ) -> Result<String, KeyDeskError> {
        let named = |text| key_name(text).ok_or(KeyDeskError::Name);
        let (name, tenant) = (named(name)?, named(tenant)?);
        let scope = |word: &String| {
            let found = Scope::parse(word.trim());
            found.ok_or_else(|| KeyDeskError::Scope(word.clone()))
        };
        let scopes: Scopes = scopes.iter().map(scope).collect::<Result<_, _>>()?;
        if scopes.is_empty() {
            return Err(KeyDeskError::NoScope);
        }
        let new = NewKey {
            name: name.to_owned(),
            scopes,
            expires_at_ms: expires.map(moment).transpose()?,
        };
        let tenant_id = self.keys.tenant(tenant).await?;
        let created = self.keys.create(tenant_id, new).await?;
        Ok(created.text.expose().to_owned())
    }

    /// The tenant's live keys, oldest first.
    ///
    /// # Errors
    /// [`KeyDeskError::Keys`].
    pub async fn list(&self, tenant: &str) -> Result<Vec<ShownKey>, KeyDeskError> {
        let tenant_id = self.keys.tenant(tenant.trim()).await?;
        let keys = self.keys.list(tenant_id).await?.into_iter();
        let shown = keys.map(|key| ShownKey {
            id: key.id,
            scopes: key.scopes().to_string(),
            name: key.name,
            hint: key.hint,
            expires_at: key.expires_at_ms.and_then(shown),
        });
        Ok(shown.collect())
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`KeyDeskError::NotFound`], [`KeyDeskError::Keys`].
    pub async fn revoke(&self, tenant: &str, id: i64) -> Result<(), KeyDeskError> {
        let tenant_id = self.keys.tenant(tenant.trim()).await?;
        match self.keys.revoke(tenant_id, id).await? {
            true => Ok(()),
            false => Err(KeyDeskError::NotFound(id)),
        }
    }
}

/// The beginning of a day in UTC, or a time, Unix ms.
fn moment(text: &str) -> Result<i64, KeyDeskError> {
    let of_day = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
    // A time is more than its date, and one without an offset is none.
    let time = match text.contains(['T', 't', ' ']) {
        true => text.parse().ok(),
        false => text.parse().ok().and_then(of_day),
    };
    let unusable = || KeyDeskError::Expires(text.to_owned());
    time.map(Timestamp::as_millisecond).ok_or_else(unusable)
}

/// RFC 3339.
fn shown(ms: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(ms).ok()?;
    Some(format!("{time:.3}"))
}

impl Drop for KeyDesk {
    fn drop(&mut self) {
        self.writer.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_on_a_day_or_at_a_time() {
        for (text, at) in [
            ("2030-01-31", "2030-01-31T00:00:00.000Z"),
            ("2030-01-31T12:30:00Z", "2030-01-31T12:30:00.000Z"),
            ("2030-01-31T12:30:00+02:00", "2030-01-31T10:30:00.000Z"),
        ] {
            assert_eq!(shown(moment(text).unwrap()).unwrap(), at);
        }
        for text in ["", "soon", "2030-02-30", "31.1.2030", "2030-01-31T12:30:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
