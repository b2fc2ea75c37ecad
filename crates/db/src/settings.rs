//! Where the database is and how many connections may serve it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{DbError, DbErrorKind};
use crate::writer::WriterSettings;

/// A SQLite file or a PostgreSQL server. Its `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("database url must begin with sqlite:// or postgres://")]
    Scheme,
    #[error(
        "sslmode={0} asks for TLS, which this version's PostgreSQL client does not have: use \
         sslmode=disable on a trusted network"
    )]
    TlsMissing(String),
}

impl DatabaseUrl {
    /// Reads `sqlite://path` or `postgres://…`; an empty text means the SQLite file `default_file`.
    pub fn parse(text: &str, default_file: &Path) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Ok(Self::Sqlite(default_file.to_owned()));
        }
        if let Some(path) = text.strip_prefix("sqlite://") {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(UrlError::Scheme);
        }
        match sslmode(text) {
            Some(mode @ ("require" | "verify-ca" | "verify-full")) => {
                Err(UrlError::TlsMissing(mode.to_owned()))
            }
            _ => Ok(Self::Postgres(text.to_owned())),
        }
    }

    /// Makes the folder of a SQLite file.
    pub(crate) fn make_folder(&self) -> Result<(), DbError> {
        let Self::Sqlite(path) = self else {
            return Ok(());
        };
        let Some(folder) = path.parent().filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(());
        };
        std::fs::create_dir_all(folder).map_err(|cause| {
            let message = format!("cannot make the folder {}: {cause}", folder.display());
            DbError::new(DbErrorKind::Lost, message)
        })
    }
}

fn sslmode(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("sslmode="))
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.rsplit_once('@').map_or_else(
                    || url.split_once("//").map_or("", |(_, rest)| rest),
                    |(_, rest)| rest,
                );
                write!(f, "postgres://{}", rest.split('?').next().unwrap_or(rest))
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A service's `[….database]` section, the same for every service.
#[derive(Clone, Deserialize)]
pub struct DatabaseSection {
    /// `postgres://…` or `sqlite://…`; empty: a file in the data folder. May hold a password.
    url: String,
    writers: usize,
    readers: usize,
    queue_jobs_max: usize,
    batch_rows_max: usize,
    batch_bytes_max: usize,
    connect_timeout_seconds: u32,
    read_wait_ms_max: u64,
    sqlite_bytes_max: u64,
}

impl DatabaseSection {
    /// Where the database is and how it is read; without an address it is the SQLite file `default_file`.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn database(&self, default_file: &Path) -> Result<DatabaseSettings, UrlError> {
        Ok(DatabaseSettings {
            url: DatabaseUrl::parse(&self.url, default_file)?,
            readers: self.readers,
            read_wait_ms_max: self.read_wait_ms_max,
            connect_timeout_seconds: self.connect_timeout_seconds,
            sqlite_bytes_max: self.sqlite_bytes_max,
        })
    }

    /// The bounds of its writer.
    pub fn writer(&self) -> WriterSettings {
        WriterSettings {
            threads: self.writers,
            batch_rows_max: self.batch_rows_max,
            batch_bytes_max: self.batch_bytes_max,
            queue_jobs_max: self.queue_jobs_max,
        }
    }
}

impl fmt::Debug for DatabaseSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSection").finish_non_exhaustive()
    }
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    pub url: DatabaseUrl,
    /// Connections for reads, opened when first needed.
    pub readers: usize,
    /// Longest time a read waits for a free connection, in ms.
    pub read_wait_ms_max: u64,
    /// Longest time to reach a PostgreSQL server, in seconds.
    pub connect_timeout_seconds: u32,
    /// Upper bound of a SQLite file in bytes; 0 leaves it to the disk.
    pub sqlite_bytes_max: u64,
}

impl DatabaseSettings {
    /// The usual numbers for `url`.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            readers: 4,
            read_wait_ms_max: 5_000,
            connect_timeout_seconds: 10,
            sqlite_bytes_max: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::parse("postgres://shop:p@ss@db:5432/x?a=b", Path::new("d")).unwrap();
        assert_eq!(url.to_string(), "postgres://db:5432/x");
        assert_eq!(format!("{url:?}"), "postgres://db:5432/x");
    }

    #[test]
    fn addresses_are_told_apart() {
        let file = Path::new("data/ingest.sqlite3");
        assert_eq!(
            DatabaseUrl::parse("", file),
            Ok(DatabaseUrl::Sqlite(file.into()))
        );
        assert_eq!(DatabaseUrl::parse("mysql://x", file), Err(UrlError::Scheme));
        assert!(matches!(
            DatabaseUrl::parse("postgres://x/y?sslmode=require", file),
            Err(UrlError::TlsMissing(_))
        ));
    }
}
