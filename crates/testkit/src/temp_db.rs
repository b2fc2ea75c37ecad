//! A database for one test, on SQLite or on the PostgreSQL server the test run was given.

use std::path::Path;

use db::{Backend, DatabaseSettings, DatabaseUrl};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use tempfile::TempDir;

/// Names the PostgreSQL server that tests may make databases on.
const POSTGRES_VARIABLE: &str = "DRAFTWIRE_TEST_POSTGRES_URL";

/// An empty database, gone when dropped.
pub struct TempDb {
    url: DatabaseUrl,
    /// For PostgreSQL: the server's own address and the name to drop.
    drop_on_server: Option<(String, String)>,
    folder: TempDir,
}

impl TempDb {
    /// One of each kind. Without a PostgreSQL server this fails: a skipped test would be no test.
    pub fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::sqlite(),
            Backend::Postgres => Self::postgres(),
        }
    }

    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            url: DatabaseUrl::Sqlite(folder.path().join("test.sqlite3")),
            drop_on_server: None,
            folder,
        }
    }

    pub fn postgres() -> Self {
        let server = std::env::var(POSTGRES_VARIABLE).unwrap_or_else(|_unset| {
            unreachable!(
                "{POSTGRES_VARIABLE} is not set: run `cargo xtask test`, which starts a server, or \
                 `cargo xtask pg` and set the variable to the address it prints"
            )
        });
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = format!("t{}", unique_digits(folder.path()));
        let mut conn = PgConnection::establish(&server).expect("the test server answers");
        conn.batch_execute(&format!("CREATE DATABASE {name}"))
            .expect("a new database");
        let (base, _) = server.rsplit_once('/').expect("an address with a database");
        Self {
            url: DatabaseUrl::Postgres(format!("{base}/{name}")),
            drop_on_server: Some((server, name)),
            folder,
        }
    }

    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings::new(self.url.clone())
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The address as configuration writes it, credentials included.
    pub fn url_text(&self) -> String {
        match &self.url {
            DatabaseUrl::Sqlite(path) => format!("sqlite://{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        }
    }

    /// Runs statements on it, beside whoever uses it; for PostgreSQL only.
    pub fn execute(&self, statements: &str) {
        let DatabaseUrl::Postgres(url) = &self.url else {
            unreachable!("a SQLite file belongs to the service that uses it");
        };
        let mut conn = PgConnection::establish(url).expect("the test database answers");
        conn.batch_execute(statements).expect("they are right");
    }

    /// A folder that lives as long as the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for TempDb {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.drop_on_server {
            let dropped = PgConnection::establish(server)
                .map_err(|cause| cause.to_string())
                .and_then(|mut conn| {
                    conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                        .map_err(|cause| cause.to_string())
                });
            if let Err(cause) = dropped {
                eprintln!("the test database {name} stays behind: {cause}");
            }
        }
    }
}

/// The temporary folder's random name, made fit for a database's.
fn unique_digits(folder: &Path) -> String {
    let name = folder.to_string_lossy();
    name.bytes()
        .fold(u128::from(std::process::id()), |n, byte| {
            n.wrapping_mul(257).wrapping_add(u128::from(byte))
        })
        .to_string()
}
