//! The service as a whole: opened, served, stopped. Must never decide what an event brings about.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{KeyDesk, KeyText, Keys};
use actix_web::web;
use db::{
    Clock, Database, DatabaseSettings, DatabaseUrl, NodeLock, Submitter, SystemClock, Writer,
};
use service::health::{Check, Health};
use service::{Hosts, Runner, ServerLimits, Shutdown};

use crate::apply::{Apply, Nothing};
use crate::console::Pages;
use crate::error::StartError;
use crate::metrics::Metrics;
use crate::receive::Receive;
use crate::settings::ReceiverSettings;
use crate::source::{Sources, Vault};
use crate::sources::{Configured, Limits, SourceBook};
use crate::{chores, reconcile, routes, sources, store};

/// What a second receiver on a SQLite file is told has it.
const NODE_NAME: &str = "receiver";

/// What handlers share.
pub(crate) struct State {
    pub database: Database,
    pub writer: Writer,
    pub receive: Submitter<Receive>,
    pub sources: Sources,
    pub source_book: Arc<SourceBook>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
}

/// An open receiver: its database is up to date, its writer runs. Clones share both.
#[derive(Clone)]
pub struct Receiver {
    state: web::Data<State>,
    /// Given back when the writer has ended.
    lock: Arc<Mutex<Option<NodeLock>>>,
    keys: Keys,
    first_key: Option<KeyText>,
    health: Health,
    http: ServerLimits,
    grace: Duration,
    inbox_retention_days: u32,
    reconcile_minutes: u32,
    pages: Pages,
    /// A key is proof enough; without keys a web page in a browser here could call for anybody.
    hosts: Option<Hosts>,
}

impl Receiver {
    /// Judges the settings, opens the database and starts the writer. Blocks: not for async threads.
    ///
    /// # Errors
    /// [`StartError`], naming the setting to change.
    pub fn open(settings: &ReceiverSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::open_with(settings, clock, Arc::new(Nothing))
    }

    /// The same with a handler that takes part in applying events.
    ///
    /// # Errors
    /// [`StartError`], naming the setting to change.
    pub fn open_with(
        settings: &ReceiverSettings,
        clock: Arc<dyn Clock>,
        handler: Arc<dyn Apply>,
    ) -> Result<Self, StartError> {
        let configured = Configured::new(settings)?;
        let place = settings.database()?;
        let lock = lock(&place)?;
        let database = Database::open(place, store::migrations())?;
        let limits = Limits {
            body_bytes_max: settings.receiver.body_bytes_max,
            batch_events_max: settings.receiver.batch_events_max,
            loopback: settings.is_loopback(),
        };
        let mut conn = database.connect()?;
        let named = configured.sources(&mut conn, limits, clock.now_ms())?;
        let book = SourceBook::new(configured, vault(settings)?, limits);
        let pages = Pages::new(settings)?;
        let stored = sources::stored(&mut conn, &book)?;
        let sources = Sources::default();
        sources.replace(stored, named.into_iter().map(Arc::new));
        let writer = Writer::start(&database, settings.writer())?;
        let auth = settings.receiver.auth;
        let keys = Keys::open(&database, &writer, Arc::clone(&clock), auth)?;
        let reads = database.reads().clone();
        let answers = Check::new("database", move || store::ping(reads.clone()));
        let version = env!("CARGO_PKG_VERSION");
        let hosts = Hosts::loopback_and(&settings.receiver.public_url);
        Ok(Self {
            state: web::Data::new(State {
                receive: writer.register(Receive { handler }),
                database,
                writer,
                sources,
                source_book: Arc::new(book),
                clock,
                metrics: Metrics::default(),
            }),
            lock: Arc::new(Mutex::new(lock)),
            keys,
            first_key: None,
            health: Health::new("draftwire receiver", version, vec![answers]),
            http: settings.receiver.http.clone(),
            grace: settings.grace,
            inbox_retention_days: settings.receiver.inbox_retention_days,
            reconcile_minutes: settings.receiver.reconcile_minutes,
            pages,
            hosts: (!auth).then_some(hosts),
        })
    }

    /// Opens the receiver off the async threads. Where keys are asked for and none was ever made, makes the
    /// administrator's.
    ///
    /// # Errors
    /// [`StartError`], naming the setting to change.
    pub async fn start(settings: ReceiverSettings) -> Result<Self, StartError> {
        let auth = settings.receiver.auth;
        let open = move || Self::open(&settings, Arc::new(SystemClock));
        let receiver = tokio::task::spawn_blocking(open).await;
        let mut receiver = receiver.map_err(std::io::Error::other)??;
        if auth {
            let first = receiver.keys.first().await?;
            receiver.first_key = first.map(|key| key.text);
        }
        Ok(receiver)
    }

    /// The administrator's key that this start has made, to be shown once.
    pub fn first_key(&self) -> Option<&str> {
        self.first_key.as_ref().map(KeyText::expose)
    }

    /// Who may call.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Adds every route of the service.
    pub fn routes(&self, routes: &mut web::ServiceConfig) {
        if let Some(hosts) = &self.hosts {
            routes.app_data(hosts.clone());
        }
        routes
            .app_data(self.state.clone())
            .app_data(self.keys.gate())
            .app_data(web::Data::new(self.keys.clone()));
        self.health.routes(routes);
        access::routes(routes);
        service::api_page_files(routes);
        routes::routes(routes);
        self.pages.routes(routes);
    }

    /// Answers on `listener` until `shutdown` is triggered; then lets requests finish and stops the writer.
    ///
    /// # Errors
    /// [`StartError::Server`] when the listener cannot be used.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> Result<(), StartError> {
        let runner = Runner::new(shutdown.clone());
        runner.spawn("keys", self.keys.clone().watch(shutdown.clone()));
        runner.spawn(
            "sources",
            sources::watch(self.state.clone(), shutdown.clone()),
        );
        let days = self.inbox_retention_days;
        runner.spawn(
            "retention",
            chores::retention(self.state.clone(), days, shutdown.clone()),
        );
        let minutes = self.reconcile_minutes;
        runner.spawn(
            "reconcile",
            reconcile::regularly(self.state.clone(), minutes, shutdown.clone()),
        );
        let news = self.pages.clone();
        runner.spawn("news", news.watch(self.state.clone(), shutdown.clone()));
        let served = self.clone();
        let routes = move |routes: &mut web::ServiceConfig| served.routes(routes);
        let ended = service::serve(listener, routes, self.http.clone(), self.grace, shutdown).await;
        drop(runner.stop(self.grace).await);
        let stopped = tokio::task::spawn_blocking(move || self.stop()).await;
        stopped.map_err(std::io::Error::other)?;
        Ok(ended?)
    }

    /// Writes what is waiting and ends the writer. Blocks until that is done.
    pub fn stop(&self) {
        self.state.writer.stop();
        drop(self.lock.lock().map(|mut lock| lock.take()));
    }
}

/// Several receivers share a database on PostgreSQL. A SQLite file has one, so that no other, nor a restore,
/// changes it meanwhile.
fn lock(place: &DatabaseSettings) -> Result<Option<NodeLock>, StartError> {
    match place.url {
        DatabaseUrl::Sqlite(_) => Ok(Some(NodeLock::of(place, NODE_NAME)?)),
        DatabaseUrl::Postgres(_) => Ok(None),
    }
}

/// The service's keys, at the machine itself; it may run or not. Blocks.
///
/// # Errors
/// [`StartError`], naming the setting to change.
pub fn key_desk(settings: &ReceiverSettings) -> Result<KeyDesk, StartError> {
    let database = Database::open(settings.database()?, store::migrations())?;
    Ok(KeyDesk::open(&database, settings.writer())?)
}

fn vault(settings: &ReceiverSettings) -> Result<Vault, StartError> {
    let path = settings.key_file();
    Vault::open(&path).map_err(|cause| StartError::KeyFile {
        path: path.display().to_string(),
        cause,
    })
}
