//! The service as a whole: opened, served, stopped. Must never decide what an event brings about.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use db::{Clock, Database, Submitter, SystemClock, Writer};
use service::health::{Check, Health};
use service::{Hosts, ServerLimits, Shutdown};

use crate::error::StartError;
use crate::receive::Receive;
use crate::settings::ReceiverSettings;
use crate::source::{Source, Sources};
use crate::{routes, store};

/// What handlers share.
pub(crate) struct State {
    pub database: Database,
    pub writer: Writer,
    pub receive: Submitter<Receive>,
    pub sources: Sources,
    pub clock: Arc<dyn Clock>,
    /// Longest webhook body.
    pub body_bytes_max: usize,
}

/// An open receiver: its database is up to date, its writer runs. Clones share both.
#[derive(Clone)]
pub struct Receiver {
    state: web::Data<State>,
    health: Health,
    http: ServerLimits,
    grace: Duration,
    hosts: Hosts,
}

impl Receiver {
    /// Judges the settings, opens the database and starts the writer. Blocks: not for async threads.
    ///
    /// # Errors
    /// [`StartError`], naming the setting to change.
    pub fn open(settings: &ReceiverSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        if settings.receiver.auth {
            return Err(StartError::AuthUnavailable);
        }
        // What the settings say is judged before anything is made on disk.
        sources(settings, |_name| Ok(0))?;
        let database = Database::open(settings.database()?, store::migrations())?;
        let mut conn = database.connect()?;
        let sources = sources(settings, |name| {
            Ok(store::sources::ensure(&mut conn, name)?)
        })?;
        let writer = Writer::start(&database, settings.writer())?;
        let reads = database.reads().clone();
        let answers = Check::new("database", move || store::ping(reads.clone()));
        let version = env!("CARGO_PKG_VERSION");
        Ok(Self {
            state: web::Data::new(State {
                receive: writer.register(Receive),
                database,
                writer,
                sources,
                clock,
                body_bytes_max: settings.receiver.body_bytes_max,
            }),
            health: Health::new("draftwire receiver", version, vec![answers]),
            http: settings.receiver.http.clone(),
            grace: settings.grace,
            hosts: Hosts::loopback_and(&settings.receiver.public_url),
        })
    }

    /// Adds every route of the service.
    pub fn routes(&self, routes: &mut web::ServiceConfig) {
        routes.app_data(self.hosts.clone());
        routes::routes(&self.state, &self.health, routes);
    }

    /// Answers on `listener` until `shutdown` is triggered; then lets requests finish and stops the writer.
    ///
    /// # Errors
    /// [`StartError::Server`] when the listener cannot be used.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> Result<(), StartError> {
        let served = self.clone();
        let routes = move |routes: &mut web::ServiceConfig| served.routes(routes);
        let ended = service::serve(listener, routes, self.http.clone(), self.grace, shutdown).await;
        let stopped = tokio::task::spawn_blocking(move || self.stop()).await;
        stopped.map_err(std::io::Error::other)?;
        Ok(ended?)
    }

    /// Writes what is waiting and ends the writer. Blocks until that is done.
    pub fn stop(&self) {
        self.state.writer.stop();
    }
}

/// Opens the receiver and serves it on `listener` until `shutdown` is triggered.
///
/// # Errors
/// [`StartError`] when it cannot start, or its server fails.
pub async fn run(
    settings: ReceiverSettings,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let open = move || Receiver::open(&settings, Arc::new(SystemClock));
    let receiver = tokio::task::spawn_blocking(open).await;
    let receiver = receiver.map_err(std::io::Error::other)??;
    receiver.serve(listener, shutdown).await
}

fn sources(
    settings: &ReceiverSettings,
    mut id_of: impl FnMut(&str) -> Result<i64, StartError>,
) -> Result<Sources, StartError> {
    let body_bytes_max = settings.receiver.body_bytes_max;
    let source = |(name, source): (&String, &crate::SourceSettings)| {
        Ok(Source {
            profile: source.profile(name)?,
            verifier: source.verifier(name, body_bytes_max)?,
            allow_unsigned: source.allow_unsigned,
            unknown_project: source.unknown_project,
            tenant_id: store::DEFAULT_TENANT,
            id: id_of(name)?,
            name: name.clone(),
        })
    };
    let sources = settings.sources.iter().map(source);
    Ok(Sources::new(
        sources.collect::<Result<Vec<_>, StartError>>()?,
    ))
}
