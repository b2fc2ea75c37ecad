//! Makes, lists and revokes keys, and keeps the gate's memory of them fresh. A revocation holds at once on the node that
//! made it and within [`REFRESH_EVERY`] on others. It must never log a key.

use actix_web::web;
use db::{Clock, Conn, Database, DbError, Lane, TxError, WriteError, Writer};
use service::Shutdown;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

use crate::caller::Caller;
use crate::gate::Gate;
use crate::key::KeyText;
use crate::scope::{Scope, Scopes};
use crate::store::{self, KeyRecord, NewRow};

/// How soon a node hears of keys that another one made or revoked.
const REFRESH_EVERY: Duration = Duration::from_secs(2);
/// The tenant of a single-tenant install.
const DEFAULT_TENANT: i64 = 1;
/// Name of the key that a first start makes.
const FIRST_KEY: &str = "first";

/// What another service in this process may do: look, and have events sent again.
const LENT: [Scope; 2] = [Scope::Read, Scope::Manage];

/// What a name that cannot be a key's is refused with.
pub const KEY_NAME: &str = "needs 1 to 100 characters, none of them a control character";
const NAME_CHARS_MAX: usize = 100;

/// What a key is to be called, without blanks around it; nothing when [`KEY_NAME`] does not hold.
pub fn key_name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    (fits && !name.contains(char::is_control)).then_some(name)
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub scopes: Scopes,
    pub expires_at_ms: Option<i64>,
}

/// A key that was just made: the one moment at which its text is known.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    pub id: i64,
    pub text: KeyText,
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the keys cannot be read: {0}")]
    Database(#[from] DbError),
    #[error("the key cannot be written: {0}")]
    Write(#[from] WriteError<Infallible>),
    #[error("the system gives no randomness for a key")]
    Randomness,
}

/// The keys of one service.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    writer: Writer,
    clock: Arc<dyn Clock>,
    gate: web::Data<Gate>,
    /// One reads at a time: else an older reading could replace a newer, and a revoked key live on.
    refreshing: Arc<Mutex<()>>,
}

impl Keys {
    /// Reads the keys there are. With `auth` off everybody without a key is the default tenant's administrator: the
    /// service must then listen on loopback only. Blocks: not for async threads.
    ///
    /// # Errors
    /// [`KeyError::Database`].
    pub fn open(
        database: &Database,
        writer: &Writer,
        clock: Arc<dyn Clock>,
        auth: bool,
    ) -> Result<Self, KeyError> {
        let mut conn = database.connect()?;
        let open_as = match auth {
            true => None,
            false => Some(Caller {
                tenant_id: DEFAULT_TENANT,
                tenant: Arc::from(store::tenant_name(&mut conn, DEFAULT_TENANT)?),
                key_id: None,
                scopes: Scopes::ADMIN,
            }),
        };
        let gate = Gate::new(open_as, Arc::clone(&clock));
        gate.replace(store::live(&mut conn)?);
        Ok(Self {
            database: database.clone(),
            writer: writer.clone(),
            clock,
            gate: web::Data::new(gate),
            refreshing: Arc::default(),
        })
    }

    /// What [`crate::allow`] asks, to be set as application data.
    pub fn gate(&self) -> web::Data<Gate> {
        self.gate.clone()
    }

    /// An administrator's key for the default tenant, if no key was ever made; its text is to be shown once.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn first(&self) -> Result<Option<CreatedKey>, KeyError> {
        if !self.database.reads().run(store::is_empty).await? {
            return Ok(None);
        }
        let key = NewKey {
            name: FIRST_KEY.to_owned(),
            scopes: Scopes::ADMIN,
            expires_at_ms: None,
        };
        self.create(DEFAULT_TENANT, key).await.map(Some)
    }

    /// Opens the default tenant to another service in this process, to look at everything and to have events sent again.
    /// The key is kept in memory alone: it is in no list and no database, and ends with the process.
    ///
    /// # Errors
    /// [`KeyError::Database`].
    pub async fn lend(&self, key: &KeyText) -> Result<(), KeyError> {
        let name = |conn: &mut Conn| store::tenant_name(conn, DEFAULT_TENANT);
        let caller = Caller {
            tenant_id: DEFAULT_TENANT,
            tenant: Arc::from(self.database.reads().run(name).await?),
            key_id: None,
            scopes: LENT.into_iter().collect(),
        };
        self.gate.lend(key, caller);
        Ok(())
    }

    /// The id of the tenant of this name, which is made when there is none.
    ///
    /// # Errors
    /// [`KeyError::Write`].
    pub async fn tenant(&self, name: &str) -> Result<i64, KeyError> {
        let name = name.to_owned();
        self.write(DEFAULT_TENANT, move |conn| store::tenant(conn, &name))
            .await
    }

    /// Makes a key; it opens the service when this returns.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn create(&self, tenant_id: i64, key: NewKey) -> Result<CreatedKey, KeyError> {
        let text = KeyText::generate().ok_or(KeyError::Randomness)?;
        let (shown, now_ms) = (text.clone(), self.clock.now_ms());
        let insert = move |conn: &mut Conn| {
            let row = NewRow {
                tenant_id,
                name: &key.name,
                key: &text,
                scopes: key.scopes,
                expires_at_ms: key.expires_at_ms,
                now_ms,
            };
            store::insert(conn, &row)
        };
        let id = self.write(tenant_id, insert).await?;
        self.refresh().await?;
        Ok(CreatedKey { id, text: shown })
    }

    /// Ends a key; answers whether the tenant had it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn revoke(&self, tenant_id: i64, id: i64) -> Result<bool, KeyError> {
        let now_ms = self.clock.now_ms();
        let revoke = move |conn: &mut Conn| store::revoke(conn, tenant_id, id, now_ms);
        let revoked = self.write(tenant_id, revoke).await?;
        self.refresh().await?;
        Ok(revoked)
    }

    /// The tenant's live keys, oldest first.
    ///
    /// # Errors
    /// [`KeyError::Database`].
    pub async fn list(&self, tenant_id: i64) -> Result<Vec<KeyRecord>, KeyError> {
        let list = move |conn: &mut Conn| store::list(conn, tenant_id);
        Ok(self.database.reads().run(list).await?)
    }

    /// Hears of other nodes' keys until the service stops.
    pub async fn watch(self, shutdown: Shutdown) {
        let mut known = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(REFRESH_EVERY) => {}
                () = shutdown.triggered() => return,
            }
            match self.database.reads().run(store::version).await {
                Ok(version) if known == Some(version) => {}
                Ok(version) => match self.refresh().await {
                    Ok(()) => known = Some(version),
                    Err(error) => tracing::warn!(%error, "keys could not be read again"),
                },
                Err(error) => tracing::warn!(%error, "keys could not be compared"),
            }
        }
    }

    async fn refresh(&self) -> Result<(), KeyError> {
        let _one = self.refreshing.lock().await;
        let held = self.database.reads().run(store::live).await?;
        self.gate.replace(held);
        Ok(())
    }

    async fn write<T: Send + 'static>(
        &self,
        tenant_id: i64,
        mut job: impl FnMut(&mut Conn) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let job = self
            .writer
            .with_tx(Lane::Interactive, tenant_id, 0, move |tx| {
                job(tx.conn()).map_err(TxError::Db)
            });
        Ok(job.await?)
    }
}
