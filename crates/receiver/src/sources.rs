//! Where sources come from: the settings, and the database for those made over the API. Must never let one
//! of the database take the name of one in the settings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use db::{Conn, DbError, TxError, TxResult};
use service::Shutdown;

use crate::error::StartError;
use crate::receiver::State;
use crate::settings::{ReceiverSettings, SourceSettings};
use crate::source::{Key, KeyKind, Source, SourceOptions, Unusable, Vault};
use crate::store;
use crate::store::sources::{KeyRow, SourceRow};

/// How soon a node hears of sources that another one changed.
const REFRESH_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// What holds for all sources.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub body_bytes_max: usize,
    /// Most events of one request.
    pub batch_events_max: usize,
    /// Whether only this machine reaches the service: elsewhere nothing unsigned is accepted.
    pub loopback: bool,
}

/// What is needed to read sources again.
pub(crate) struct SourceBook {
    pub configured: Configured,
    pub vault: Vault,
    pub limits: Limits,
    reading: tokio::sync::Mutex<()>,
}

impl SourceBook {
    pub(crate) fn new(configured: Configured, vault: Vault, limits: Limits) -> Self {
        Self {
            configured,
            vault,
            limits,
            reading: tokio::sync::Mutex::default(),
        }
    }
}

/// What the settings say of sources, judged before anything is made on disk.
#[derive(Debug, Clone)]
pub(crate) struct Configured(BTreeMap<String, SourceSettings>);

impl Configured {
    /// # Errors
    /// [`StartError`] naming the setting.
    pub(crate) fn new(settings: &ReceiverSettings) -> Result<Self, StartError> {
        for (name, source) in &settings.sources {
            let body_bytes_max = settings.receiver.body_bytes_max;
            let keys = source.keys();
            let checked = keys.and_then(|keys| source.options().check(keys.len(), body_bytes_max));
            checked.map_err(|unusable| StartError::source(name, unusable))?;
        }
        Ok(Self(settings.sources.clone()))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The sources of the settings, each with its row.
    pub(crate) fn sources(
        &self,
        conn: &mut Conn,
        limits: Limits,
        now_ms: i64,
    ) -> Result<Vec<Source>, StartError> {
        let source = |(name, settings): (&String, &SourceSettings)| {
            let tenant = store::sources::tenant(conn, &settings.tenant)?;
            let id = store::sources::ensure(conn, tenant, name, now_ms)?;
            let id = id.ok_or_else(|| {
                let reason = "the name belongs to another tenant, whose events stay with it";
                StartError::source(name, Unusable::new("tenant", reason))
            })?;
            let of_source = || {
                let identity = (id, tenant, name.as_str());
                let source = made(identity, &settings.options(), settings.keys()?, limits)?;
                Ok(Source {
                    sender: settings.sender()?,
                    ..source
                })
            };
            of_source().map_err(|unusable| StartError::source(name, unusable))
        };
        self.0.iter().map(source).collect()
    }
}

fn made(
    (id, tenant_id, name): (i64, i64, &str),
    options: &SourceOptions,
    keys: Vec<Key>,
    limits: Limits,
) -> Result<Source, Unusable> {
    let body_bytes_max = match options.body_bytes_max {
        0 => limits.body_bytes_max,
        bytes => bytes.min(limits.body_bytes_max),
    };
    Ok(Source {
        id,
        tenant_id,
        name: name.to_owned(),
        format: options.format()?,
        unsigned_ids: options.unsigned_ids,
        batch_events_max: limits.batch_events_max,
        verifier: contract::Verifier {
            keys: keys.iter().map(|key| key.verifying.clone()).collect(),
            tolerance_seconds: options.tolerance_seconds,
            body_bytes_max,
            body_signature: options.body_signature(),
        },
        keys,
        allow_unsigned: options.allow_unsigned && limits.loopback,
        networks: options.networks()?,
        unknown_project: options.unknown_project,
        sender: None,
    })
}

/// The sources of the database. One that cannot be opened is left out: the others go on.
pub(crate) fn stored(conn: &mut Conn, book: &SourceBook) -> Result<Vec<Source>, DbError> {
    let mut keys: HashMap<i64, Vec<KeyRow>> = HashMap::new();
    for key in store::sources::keys(conn)? {
        keys.entry(key.source_id).or_default().push(key);
    }
    let rows = store::sources::all(conn)?.into_iter();
    let sources = rows.filter(|row| !book.configured.has(&row.name));
    let sources = sources.filter_map(|row| {
        let keys = keys.remove(&row.id).unwrap_or_default();
        opened(&row, &keys, &book.vault, book.limits)
            .inspect_err(|reason| tracing::error!(source = %row.name, "left out: {reason}"))
            .ok()
    });
    Ok(sources.collect())
}

fn opened(
    row: &SourceRow,
    keys: &[KeyRow],
    vault: &Vault,
    limits: Limits,
) -> Result<Source, String> {
    let options: SourceOptions =
        serde_json::from_str(&row.options).map_err(|error| error.to_string())?;
    let unseal = |sealed: &[u8]| {
        vault
            .unseal(row.id, sealed)
            .map_err(|error| error.to_string())
    };
    let key = |key: &KeyRow| {
        let text = unseal(&key.sealed)?;
        let kind = KeyKind::from_db(key.kind);
        Key::parse(kind, &text, key.not_before_ms, key.not_after_ms)
            .map_err(|unusable| unusable.reason)
    };
    let keys = keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let identity = (row.id, row.tenant_id, row.name.as_str());
    made(identity, &options, keys, limits)
        .map_err(|unusable| format!("{}: {}", unusable.field, unusable.reason))
}

/// A text sealed for a source.
pub(crate) fn sealed<E>(vault: &Vault, source_id: i64, text: &str) -> TxResult<Vec<u8>, E> {
    let sealed = vault.seal(source_id, text);
    sealed.map_err(|error| TxError::Db(DbError::defect(error.to_string())))
}

/// Every source as the database and the settings have it now.
pub(crate) async fn refresh(state: &State) -> Result<(), DbError> {
    // One reading at a time: an older one must not replace a newer one.
    let _turn = state.source_book.reading.lock().await;
    let book = Arc::clone(&state.source_book);
    let reads = state.database.reads();
    let stored = reads.run(move |conn| stored(conn, &book)).await?;
    let configured = state.sources.all();
    let configured = configured
        .iter()
        .filter(|source| state.source_book.configured.has(&source.name));
    state.sources.replace(stored, configured.cloned());
    Ok(())
}

/// Hears of other nodes' sources until the service stops.
pub(crate) async fn watch(state: actix_web::web::Data<State>, shutdown: Shutdown) {
    let mut known = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(REFRESH_EVERY) => {}
            () = shutdown.triggered() => return,
        }
        match state.database.reads().run(store::sources::version).await {
            Ok(version) if known == Some(version) => {}
            Ok(version) => match refresh(&state).await {
                Ok(()) => known = Some(version),
                Err(error) => tracing::warn!(%error, "sources could not be read again"),
            },
            Err(error) => tracing::warn!(%error, "sources could not be compared"),
        }
    }
}
