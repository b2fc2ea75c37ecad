//! Puts the service together, runs it until it is told to stop, and takes it apart in order: no new
//! requests, workers, deliveries, writer.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{KeyDesk, KeyError, Keys};
use actix_web::web::{Data, ServiceConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use console::{Live, Site, SiteError};
use db::{Database, DbError, Migrations, Writer, embed_migrations, sql};
use delivery::{Engine, EngineError, Vault, VaultError};
use service::health::{Check, Health};
use service::{Hosts, ListenError, Runner, Shutdown, api_page_files, refuse_open_bind};
use tokio::sync::Notify;

use crate::console as pages;
use crate::events::FileEvents;
use crate::extraction::{self, Pictures, Queue, Readers, Sandbox, Work};
use crate::keys;
use crate::live_rules::LiveRules;
use crate::mail;
use crate::metrics::TableSizes;
use crate::reload::{Refused, Reloader};
use crate::remove;
use crate::routes::routes;
use crate::service_state::ServiceState;
use crate::settings::IngestSettings;
use crate::storage::Storage;
use crate::tenants::Tenants;
use crate::waiters::Waiters;
use crate::watch::{WatchStatus, Watched, supervise};

/// The tables, in all their steps.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/ingest/sqlite"),
    postgres: embed_migrations!("../../migrations/ingest/postgres"),
};

/// Why the service did not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the database {url} cannot be opened: {cause}")]
    Database { url: String, cause: DbError },
    #[error("{path}: {cause}")]
    Files { path: String, cause: std::io::Error },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("ingest.encryption_key: {0}")]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Console(#[from] SiteError),
    #[error(transparent)]
    Program(#[from] extraction::ProgramError),
    #[error("the extraction rules cannot be handed to workers: {0}")]
    Rules(#[from] serde_json::Error),
    #[error("the server stopped: {0}")]
    Server(std::io::Error),
}

/// What workers and deliveries get to end even if requests took all the grace.
const GRACE_MIN: Duration = Duration::from_secs(1);

/// The service, ready to answer.
pub struct Ingest {
    state: Arc<ServiceState>,
    keys: Keys,
    site: Data<Site>,
    first_key: Option<String>,
    engine: Arc<Engine>,
    runner: Runner,
    reloader: Reloader,
    settings: IngestSettings,
    health: Health,
}

impl Ingest {
    /// Opens the database and the files, takes up what an earlier run left, starts delivering and
    /// extracting. Answers nothing yet: see [`Ingest::serve`].
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub async fn start(settings: IngestSettings) -> Result<Self, StartError> {
        refuse_open_bind("ingest", &settings.listen, settings.auth)?;
        let root = std::path::absolute(&settings.files_dir).map_err(|cause| StartError::Files {
            path: settings.files_dir.display().to_string(),
            cause,
        })?;
        let (extraction, rules) = (&settings.extraction, &settings.rules);
        let readers = Readers::find(extraction, rules, vec![root]).await?;
        let database = open_database(&settings)?;
        let failed = |cause| StartError::Database {
            url: database.url().to_string(),
            cause,
        };
        let writer = Writer::start(&database, settings.writer.clone()).map_err(failed)?;
        let secret = encryption_key(&settings)?;
        let site = pages::site(&settings.console, &secret, &settings.public_url)?;
        let vault = Vault::new(&secret)?;
        let subscriptions = settings.subscriptions.0.clone();
        let engine = Engine::start(&database, &writer, vault, &settings.delivery, subscriptions);
        let engine = engine.await?;
        let (queue, jobs) = Queue::new(settings.extraction.queue_files_max);
        let (pictures, demands) = Pictures::new(settings.extraction.previews_waiting_max);
        let work = Work { jobs, demands };
        let state = state(&settings, database, writer, &engine, (queue, pictures))?;
        let state = Arc::new(state);
        state.sandbox.log();
        let runner = Runner::new(state.stopping.clone());
        extraction::spawn(&runner, &state, &work, &readers, &settings.extraction)?;
        let sweep = remove::sweep(Arc::clone(&state), state.stopping.clone());
        runner.spawn("removals", sweep);
        let (keys, first_key) = open_keys(&state, &settings).await?;
        runner.spawn("keys", keys.clone().watch(state.stopping.clone()));
        let watched = Watched {
            state: Arc::clone(&state),
            keys: keys.clone(),
            node: settings.delivery.node_name.clone(),
            status: WatchStatus::default(),
        };
        let status = watched.status.clone();
        let (folders, to_watch) = tokio::sync::watch::channel(settings.watch.clone());
        let reloader = Reloader {
            rules: state.rules.clone(),
            folders,
            confidence_threshold: settings.extraction.confidence_threshold,
            data_dir: settings.data_dir.clone(),
            refused: Refused::default(),
        };
        runner.spawn("watch", supervise(watched, to_watch));
        let engine = Arc::new(engine);
        let (live, stopping) = (state.live.clone(), state.stopping.clone());
        let watch = pages::watch(live, Arc::downgrade(&engine), stopping);
        runner.spawn("live pages", watch);
        mail::spawn(&runner, &state, settings.mail.as_ref());
        Ok(Self {
            health: health(&state, status, reloader.refused.clone()),
            state,
            keys,
            site,
            first_key,
            engine,
            runner,
            reloader,
            settings,
        })
    }

    /// Answers on `listener` until `shutdown` is triggered or a part of the service fails, then stops
    /// everything in order, all within the grace.
    ///
    /// # Errors
    /// [`StartError::Server`] when the listener fails.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> Result<(), StartError> {
        let grace = Duration::from_secs(self.settings.grace_seconds);
        let (state, health) = (Arc::clone(&self.state), self.health.clone());
        // A key is proof enough; without keys a web page in a browser here could call for anybody.
        let hosts = Hosts::loopback_and(&self.settings.public_url);
        let hosts = (!self.settings.auth).then_some(hosts);
        let (keys, site) = (self.keys.clone(), self.site.clone());
        let engine = Arc::downgrade(&self.engine);
        let app = move |config: &mut ServiceConfig| {
            config
                .app_data(Data::new(Arc::clone(&state)))
                .app_data(Data::new(engine.clone()))
                .app_data(keys.gate())
                .app_data(site.clone())
                .app_data(Data::new(keys.clone()));
            if let Some(hosts) = hosts.clone() {
                config.app_data(hosts);
            }
            health.routes(config);
            access::routes(config);
            api_page_files(config);
            routes(config);
            pages::routes(config);
        };
        let (http, stopping) = (self.settings.http.clone(), self.state.stopping.clone());
        let served = async {
            let served = service::serve(listener, app, http, grace, shutdown.clone()).await;
            shutdown.trigger();
            served
        };
        let told = async {
            tokio::select! {
                () = shutdown.triggered() => {}
                () = stopping.triggered() => {}
            }
            shutdown.trigger();
            stopping.trigger();
            Instant::now()
        };
        let (served, told_at) = tokio::join!(served, told);
        self.stop(grace.saturating_sub(told_at.elapsed()).max(GRACE_MIN))
            .await;
        served.map_err(StartError::Server)
    }

    /// Files being read are left to the next start, deliveries under way end, everything else is given back.
    pub async fn stop(self, grace: Duration) {
        drop(self.runner.stop(grace).await);
        let (engine, writer) = (self.engine, self.state.writer.clone());
        let stopped = tokio::task::spawn_blocking(move || {
            engine.stop(grace);
            writer.stop();
        });
        if stopped.await.is_err() {
            tracing::error!("stopping panicked");
        }
    }

    /// Takes changed settings to this service while it runs.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// The administrator's key that this first start has made, if it did: to be shown once.
    pub fn first_key(&self) -> Option<&str> {
        self.first_key.as_deref()
    }

    /// Whether no file was ever taken in.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn is_empty(&self) -> Result<bool, DbError> {
        #[derive(diesel::QueryableByName)]
        struct One {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            #[expect(dead_code, reason = "only whether there is a row matters")]
            id: i64,
        }
        let reads = self.state.database.reads();
        let row = reads.run(|conn| conn.row::<One>(sql("SELECT id FROM files LIMIT 1")));
        Ok(row.await?.is_none())
    }
}

/// The keys, and the administrator's one if this start has made it.
async fn open_keys(
    state: &ServiceState,
    settings: &IngestSettings,
) -> Result<(Keys, Option<String>), StartError> {
    let clock = Arc::clone(&state.clock);
    let keys = Keys::open(&state.database, &state.writer, clock, settings.auth)?;
    let first_key = match settings.auth {
        true => keys.first().await?.map(|key| key.text.expose().to_owned()),
        false => None,
    };
    if let Some(key) = &settings.lent_key {
        keys.lend(key).await?;
    }
    Ok((keys, first_key))
}

/// The service's keys, at the machine itself; it may run or not. Blocks.
///
/// # Errors
/// [`StartError::Database`], [`StartError::Keys`].
pub fn key_desk(settings: &IngestSettings) -> Result<KeyDesk, StartError> {
    let database = open_database(settings)?;
    Ok(KeyDesk::open(&database, settings.writer.clone())?)
}

pub(crate) fn open_database(settings: &IngestSettings) -> Result<Database, StartError> {
    let url = settings.database.url.to_string();
    Database::open(settings.database.clone(), MIGRATIONS)
        .map_err(|cause| StartError::Database { url, cause })
}

fn state(
    settings: &IngestSettings,
    database: Database,
    writer: Writer,
    engine: &Engine,
    (queue, pictures): (Queue, Pictures),
) -> Result<ServiceState, StartError> {
    let root = &settings.files_dir;
    let node_name = &settings.delivery.node_name;
    let storage = Storage::open(root, node_name).map_err(|cause| StartError::Files {
        path: root.display().to_string(),
        cause,
    })?;
    let stopping = Shutdown::new();
    let live = Live::new(settings.console.live_listeners_max, stopping.clone());
    Ok(ServiceState {
        database,
        writer,
        clock: engine.clock(),
        events: FileEvents {
            publisher: engine.publisher().clone(),
            tenants: Tenants::default(),
            public_url: settings.public_url.clone(),
            live: live.clone(),
        },
        subscriptions: engine.subscriptions().clone(),
        delivery: settings.delivery.clone(),
        queue,
        pictures,
        sandbox: Sandbox::of_this_kernel(storage.root()),
        storage,
        waiters: Waiters::default(),
        sizes: TableSizes::default(),
        removals: Notify::new(),
        stopping,
        live,
        rules: LiveRules::new(Arc::clone(&settings.rules)),
        uploads: settings.uploads,
        limits: settings.limits,
        node_id: engine.node_id(),
        printed_settings: settings.printed.clone(),
    })
}

fn health(state: &Arc<ServiceState>, watch: WatchStatus, refused: Refused) -> Health {
    let database = state.database.clone();
    let storage = state.storage.clone();
    let checks = vec![
        Check::new("database", move || {
            let reads = database.reads().clone();
            async move { reads.run(|conn| conn.batch("SELECT 1")).await }
        }),
        Check::new("storage", move || {
            let storage = storage.clone();
            async move { storage.probe().await }
        }),
    ];
    let health = Health::new("draftwire-ingest", env!("CARGO_PKG_VERSION"), checks);
    health
        .with_detail("sandbox", serde_json::json!(state.sandbox))
        .with_live_detail("watch", move || watch.json())
        .with_live_detail("settings", move || refused.json())
}

/// The configured key (Base64 of 32 bytes), else one made beside the database at the first start.
fn encryption_key(settings: &IngestSettings) -> Result<Vec<u8>, StartError> {
    let configured = settings.encryption_key.expose();
    if !configured.is_empty() {
        return BASE64
            .decode(configured)
            .map_err(|_not_base64| StartError::Vault(VaultError::Key));
    }
    let path = settings.data_dir.join("ingest.key");
    keys::encryption_key(&path).map_err(|cause| StartError::Files {
        path: path.display().to_string(),
        cause,
    })
}
