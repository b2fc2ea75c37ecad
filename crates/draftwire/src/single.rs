//! Each service alone.

use std::process::ExitCode;

use anyhow::Context;
use ingest::{Ingest, IngestSettings};
use receiver::{Receiver, ReceiverSettings};
use service::{Shutdown, bind, stop_on_signal, telemetry};

use crate::cli::{Service, SettingsArgs};
use crate::keys;
use crate::reload::{Running, follow};
use crate::traces;

pub(crate) async fn ingest(args: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let settings = args.load(&[])?;
    let level = telemetry::init(&settings.section("log")?)?;
    let traces = traces::start(&settings, "draftwire-ingest")?;
    let running = Running {
        args,
        more: &[],
        settings: settings.clone(),
        level,
    };
    let settings = IngestSettings::read(&settings)?;
    service::refuse_open_bind("ingest", &settings.listen, settings.auth)?;
    let listener = bind("ingest", &settings.listen)?;
    let service = Ingest::start(settings).await?;
    keys::show_first(Service::Ingest, service.first_key())?;
    let shutdown = Shutdown::new();
    let reloader = service.reloader();
    let (served, signals, ()) = tokio::join!(
        stopping(service.serve(listener, shutdown.clone()), &shutdown),
        stop_on_signal(shutdown.clone()),
        follow(running, reloader, &shutdown),
    );
    traces.stop().await;
    signals.context("signals cannot be heard")?;
    served?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn receiver(args: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let settings = args.load(&[])?;
    telemetry::init(&settings.section("log")?)?;
    let traces = traces::start(&settings, "draftwire-receiver")?;
    let settings = ReceiverSettings::load(&settings)?;
    let listener = settings.bind()?;
    let service = Receiver::start(settings).await?;
    keys::show_first(Service::Receiver, service.first_key())?;
    let shutdown = Shutdown::new();
    let (served, signals) = tokio::join!(
        stopping(service.serve(listener, shutdown.clone()), &shutdown),
        stop_on_signal(shutdown.clone()),
    );
    traces.stop().await;
    signals.context("signals cannot be heard")?;
    served?;
    Ok(ExitCode::SUCCESS)
}

/// A service that ends by itself takes the rest of the process with it.
pub(crate) async fn stopping<T>(service: impl Future<Output = T>, shutdown: &Shutdown) -> T {
    let ended = service.await;
    shutdown.trigger();
    ended
}
