//! Keys made, listed and revoked at the machine itself, without a key; the service may run or not, and hears of it
//! within seconds. It must never print a key: who asked for it gets it once.

use access::{KeyError, Keys, NewKey, Scope, Scopes};
use contract::{format_ms, parse_ms};
use db::{SystemClock, Writer};
use std::sync::Arc;

use crate::settings::IngestSettings;
use crate::start::{StartError, open_database};

const NAME_CHARS_MAX: usize = 100;

/// Why a key was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyDeskError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("--scopes: `{0}` is no scope: there are upload, read, publish, manage and admin")]
    Scope(String),
    #[error("--scopes: name at least one")]
    NoScope,
    #[error("--name and --tenant: 1 to {NAME_CHARS_MAX} characters")]
    Name,
    #[error("--expires: {0}")]
    Expires(#[from] contract::TimeError),
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

/// The keys of the service whose settings these are.
pub struct KeyDesk {
    keys: Keys,
    writer: Writer,
}

impl KeyDesk {
    /// Opens the database, and makes its tables if this is the first use. Blocks.
    ///
    /// # Errors
    /// [`KeyDeskError::Start`], [`KeyDeskError::Keys`].
    pub fn open(settings: &IngestSettings) -> Result<Self, KeyDeskError> {
        let database = open_database(settings)?;
        let writer = Writer::start(&database, settings.writer.clone());
        let writer = writer.map_err(|cause| StartError::Database {
            url: database.url().to_string(),
            cause,
        })?;
        let keys = Keys::open(&database, &writer, Arc::new(SystemClock), true)?;
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
        let fits = |text: &str| (1..=NAME_CHARS_MAX).contains(&text.trim().chars().count());
        if !fits(name) || !fits(tenant) {
            return Err(KeyDeskError::Name);
        }
        let scope = |word: &String| {
            let found = Scope::parse(word.trim());
            found.ok_or_else(|| KeyDeskError::Scope(word.clone()))
        };
        let scopes: Scopes = scopes.iter().map(scope).collect::<Result<_, _>>()?;
        if scopes.is_empty() {
            return Err(KeyDeskError::NoScope);
        }
        let new = NewKey {
            name: name.trim().to_owned(),
            scopes,
            expires_at_ms: expires.map(parse_ms).transpose()?,
        };
        let tenant_id = self.keys.tenant(tenant.trim()).await?;
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
            expires_at: key.expires_at_ms.map(format_ms),
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

impl Drop for KeyDesk {
    fn drop(&mut self) {
        self.writer.stop();
    }
}
