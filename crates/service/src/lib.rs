//! What a binary needs to start, answer and stop: settings, logs, problems, health, server,
//! shutdown. It must never know of files, events or databases.
//!
//! A service is put together like this:
//!
//! ```no_run
//! use actix_web::web;
//! use service::{Runner, ServerLimits, Settings, Shutdown};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::load(None, std::env::vars_os(), &[])?;
//! service::telemetry::init(&settings.section("log")?)?;
//! let limits: ServerLimits = settings.section("ingest.http")?;
//! let listen: String = settings.section("ingest.listen")?;
//! service::refuse_open_bind("ingest", &listen, settings.section("ingest.auth")?)?;
//! let listener = service::bind("ingest", &listen)?;
//!
//! let shutdown = Shutdown::new();
//! let runner = Runner::new(shutdown.clone());
//! let grace = std::time::Duration::from_secs(20);
//! let routes = |routes: &mut web::ServiceConfig| {
//!     routes.route("/", web::get().to(|| async { "hello" }));
//! };
//! runner.spawn("http", service::serve(listener, routes, limits, grace, shutdown.clone()));
//! runner.spawn("signals", service::stop_on_signal(shutdown.clone()));
//! shutdown.triggered().await;
//! runner.stop(grace).await;
//! # Ok(())
//! # }
//! ```

mod api_page;
mod csv;
mod descriptors;
mod exposition;
pub mod health;
mod hosts;
mod input;
mod listen;
mod network;
mod observe;
pub mod problem;
mod request_span;
mod runner;
mod server;
mod settings;
mod shutdown;
pub mod telemetry;

pub use api_page::{api_page, api_page_files};
pub use csv::csv_table;
pub use exposition::{EXPOSITION_TYPE, Exposition, MetricKind, counted};
pub use hosts::Hosts;
pub use input::{BodyLimits, Form, Json, Query};
pub use listen::{ListenError, bind, refuse_open_bind};
pub use network::Network;
pub use observe::{RequestId, observe};
pub use problem::{Code, Problem};
pub use runner::{Ending, Runner};
pub use server::{ServerLimits, app, get, serve};
pub use settings::{Fault, SecretText, Settings, SettingsError, mask_credentials};
pub use shutdown::{Shutdown, stop_on_signal};
