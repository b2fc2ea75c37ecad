//! Both services in one process: two listeners, two databases, and nothing between them but HTTP.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use client::{Client, DesignFileQuery, FileQuery, FileRecord, UploadOptions};
use ingest::{Ingest, IngestSettings, KeyText};
use receiver::{Receiver, ReceiverSettings};
use service::{SecretText, Settings, Shutdown, bind, stop_on_signal, telemetry};

use crate::cli::{Service, SettingsArgs};
use crate::keys;
use crate::reload::{Running, follow};
use crate::report::{figure, line};
use crate::samples;
use crate::single::stopping;
use crate::traces;

/// The receiver's name for this ingest service, and ingest's name for this receiver.
const SOURCE: &str = "draftwire";
const SUBSCRIPTION: &str = "receiver";
/// How long the samples may take until each is known to the receiver.
const SAMPLES_WAIT: Duration = Duration::from_secs(60);

/// Where the two services answer.
struct Addresses {
    ingest: SocketAddr,
    receiver: SocketAddr,
}

pub(crate) async fn run(args: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let first = args.load(&[])?;
    let level = telemetry::init(&first.section("log")?)?;
    let traces = traces::start(&first, "draftwire")?;
    let ingest_listener = bind("ingest", &first.section::<String>("ingest.listen")?)?;
    let receiver_listener = ReceiverSettings::load(&first)?.bind()?;
    let addresses = Addresses {
        ingest: ingest_listener.local_addr()?,
        receiver: receiver_listener.local_addr()?,
    };
    let is_wired = is_wired(&first)?;
    let more = wiring(&first, &addresses, is_wired)?;
    let settings = args.load(&more)?;
    let running = Running {
        args,
        more: &more,
        settings: settings.clone(),
        level,
    };
    let (ingest_settings, receiver_settings) = of_both(&settings, is_wired)?;
    let data_dir = ingest_settings.data_dir.clone();
    let ask_for_keys = [ingest_settings.auth, receiver_settings.receiver.auth];

    let shutdown = Shutdown::new();
    let receiver_shutdown = Shutdown::new();
    let receiver = Receiver::start(receiver_settings).await?;
    keys::show_first(Service::Receiver, receiver.first_key())?;
    let receiver_key = receiver.first_key().map(str::to_owned);
    let receiver = receiver.serve(receiver_listener, receiver_shutdown.clone());
    let ingest = async {
        let service = Ingest::start(ingest_settings).await?;
        let empty = service.is_empty().await?;
        keys::show_first(Service::Ingest, service.first_key())?;
        let keys = [service.first_key().map(str::to_owned), receiver_key];
        let welcomes = keys
            .iter()
            .zip(ask_for_keys)
            .all(|(key, asked)| key.is_some() || !asked);
        let reloader = service.reloader();
        let served = service.serve(ingest_listener, shutdown.clone());
        let followed = follow(running, reloader, &shutdown);
        let (served, (), ()) = tokio::join!(stopping(served, &shutdown), followed, async {
            tokio::select! {
                welcomed = welcome(&addresses, &keys, empty, &data_dir), if welcomes => {
                    if let Err(cause) = welcomed {
                        tracing::warn!("the summary could not be made: {cause:#}");
                    }
                }
                () = shutdown.triggered() => {}
            }
        });
        served?;
        anyhow::Ok(())
    };
    // The receiver stops last, so that what ingest still delivers is heard.
    let ingest = async {
        let ended = stopping(ingest, &shutdown).await;
        receiver_shutdown.trigger();
        ended
    };
    let receiver = stopping(receiver, &shutdown);
    let (ingested, received, signals) =
        tokio::join!(ingest, receiver, stop_on_signal(shutdown.clone()));
    traces.stop().await;
    signals.context("signals cannot be heard")?;
    ingested?;
    received?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the receiver is made the first subscriber: not where the settings name sources or subscriptions.
fn is_wired(settings: &Settings) -> anyhow::Result<bool> {
    let sources: BTreeMap<String, serde_json::Value> = settings.section("sources")?;
    let subscriptions: BTreeMap<String, serde_json::Value> =
        settings.section("ingest.delivery.subscriptions")?;
    Ok(sources.is_empty() && subscriptions.is_empty())
}

/// The addresses that were taken, and what wires the services to each other.
fn wiring(
    settings: &Settings,
    addresses: &Addresses,
    is_wired: bool,
) -> anyhow::Result<Vec<String>> {
    let mut more = vec![
        format!("ingest.listen={}", addresses.ingest),
        format!("receiver.listen={}", addresses.receiver),
    ];
    if is_wired {
        let data_dir: String = settings.section("data_dir")?;
        let secret = ingest::signing_secret(Path::new(&data_dir))
            .with_context(|| format!("the signing secret in {data_dir} cannot be made or read"))?;
        let (ingest, receiver) = (from_here(addresses.ingest), from_here(addresses.receiver));
        let url = format!("http://{receiver}/webhooks/{SOURCE}/event");
        more.extend([
            format!("sources.{SOURCE}.profile=standard"),
            format!("sources.{SOURCE}.secrets={secret}"),
            format!("sources.{SOURCE}.reconcile_url=http://{ingest}"),
            format!("sources.{SOURCE}.reconcile_subscription={SUBSCRIPTION}"),
            format!("ingest.delivery.subscriptions.{SUBSCRIPTION}.url={url}"),
            format!("ingest.delivery.subscriptions.{SUBSCRIPTION}.secret={secret}"),
        ]);
    }
    Ok(more)
}

/// What somebody on this machine calls who listens there: one who listens everywhere is asked on loopback.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Each service's own. Where ingest asks for keys, the receiver that is wired to it gets one for pictures and for
/// missing events: it is made anew with every start, and stands in neither settings nor database.
fn of_both(
    settings: &Settings,
    is_wired: bool,
) -> anyhow::Result<(IngestSettings, ReceiverSettings)> {
    let mut ingest = IngestSettings::read(settings)?;
    let mut receiver = ReceiverSettings::load(settings)?;
    ingest.http.servers_in_process = 2;
    receiver.receiver.http.servers_in_process = 2;
    let source = receiver.sources.get_mut(SOURCE);
    if let Some(source) = source.filter(|_| is_wired && ingest.auth) {
        let key = KeyText::generate().context("the system gives no randomness for a key")?;
        source.reconcile_key = SecretText::from(key.expose().to_owned());
        ingest.lent_key = Some(key);
    }
    Ok((ingest, receiver))
}

/// Takes the samples in when there is nothing yet, and says what there is to see.
async fn welcome(
    addresses: &Addresses,
    [ingest_key, receiver_key]: &[Option<String>; 2],
    empty: bool,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let client = |address, key: &Option<String>| {
        Client::new(&format!("http://{}", from_here(address)), key.as_deref())
    };
    let ingest = client(addresses.ingest, ingest_key)?;
    let receiver = client(addresses.receiver, receiver_key)?;
    until_healthy(&ingest).await?;
    until_healthy(&receiver).await?;
    if empty {
        let paths = samples::write(&data_dir.join("samples"))?;
        ingest.upload(&paths, &UploadOptions::default()).await?;
        until_delivered(&ingest).await?;
        line("\nIngested the bundled samples:")?;
        for file in ingest
            .files(&FileQuery::default())
            .await?
            .items
            .iter()
            .rev()
        {
            line(format!("  {}", described(file)))?;
        }
    }
    let files = ingest.files(&FileQuery::default()).await?.total;
    let known = receiver
        .design_files(&DesignFileQuery::default())
        .await?
        .total;
    line(format!(
        "\ningest    http://{}    {files} files\nreceiver  http://{}    {known} design files",
        addresses.ingest, addresses.receiver
    ))?;
    line(format!(
        "\nTry next:\n  \
         http://{0}/console in a browser: intake\n  \
         http://{1}/console in a browser: projects\n  \
         curl -F files=@part.dxf http://{0}/ingest\n  \
         curl http://{0}/files\n  \
         curl http://{1}/design-files\n\nCtrl-C stops both.",
        addresses.ingest, addresses.receiver
    ))?;
    Ok(())
}

/// The listener is open already: the first answer comes as soon as the service serves.
async fn until_healthy(client: &Client) -> anyhow::Result<()> {
    client.health().await?;
    Ok(())
}

async fn until_delivered(ingest: &Client) -> anyhow::Result<()> {
    let waited = tokio::time::timeout(SAMPLES_WAIT, async {
        loop {
            let queue = ingest.queue_stats().await?;
            if queue.pending + queue.processing == 0 {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited
        .await
        .context("the samples were not delivered in time")?
}

/// One line about a file: what it is called and what it is.
fn described(file: &FileRecord) -> String {
    let unknown = || "?".to_owned();
    format!(
        "{:<62} {:<18} {:>5} mm  x{}",
        file.original_filename.as_deref().unwrap_or_default(),
        file.material.clone().unwrap_or_else(unknown),
        file.thickness_mm.map_or_else(unknown, figure),
        file.quantity
            .map_or_else(unknown, |quantity| quantity.to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::]:8081", "[::1]:8081"),
            ("127.0.0.1:8081", "127.0.0.1:8081"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(from_here(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
