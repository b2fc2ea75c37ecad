//! Spans of requests and deliveries, sent to a collector as OTLP (protobuf over HTTP). None are made unless the settings
//! name a collector; one that is slow or away costs spans, never a request or a delivery.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::Context;
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use service::{SecretText, Settings};
use tokio::runtime::Handle;

/// Where OTLP over HTTP wants spans, below the collector's address.
const PATH: &str = "v1/traces";

/// The `[traces]` section.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TraceSettings {
    otlp_endpoint: String,
    sample_ratio: f64,
    timeout_seconds: u64,
    headers: BTreeMap<String, SecretText>,
}

/// What sends spans, or nothing.
#[must_use = "spans are sent until it is stopped"]
pub(crate) struct Traces(Option<SdkTracerProvider>);

/// Starts sending spans, if the settings say where to; `name` is the service's. Call it inside the runtime.
pub(crate) fn start(settings: &Settings, name: &'static str) -> anyhow::Result<Traces> {
    let settings: TraceSettings = settings.section("traces")?;
    if settings.otlp_endpoint.is_empty() {
        return Ok(Traces(None));
    }
    let ratio = settings.sample_ratio;
    anyhow::ensure!(
        (0.0..=1.0).contains(&ratio),
        "traces.sample_ratio is {ratio}; give a number from 0 (none) to 1 (all)"
    );
    anyhow::ensure!(
        settings.timeout_seconds > 0,
        "traces.timeout_seconds is 0; no batch of spans would ever be taken"
    );
    let exporter = exporter(&settings).context("traces.otlp_endpoint")?;
    let resource = Resource::builder_empty()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_batch_exporter(exporter)
        .build();
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(provider.clone());
    Ok(Traces(Some(provider)))
}

fn exporter(settings: &TraceSettings) -> anyhow::Result<SpanExporter> {
    let base = settings.otlp_endpoint.trim_end_matches('/');
    let url: Url = base
        .parse()
        .context("give an address such as http://127.0.0.1:4318")?;
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "give an address that begins with http:// or https://"
    );
    let timeout = Duration::from_secs(settings.timeout_seconds);
    // Whoever comes first installs it; the others find it.
    drop(rustls::crypto::ring::default_provider().install_default());
    // A redirect would take the collector's key elsewhere.
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(timeout)
        .build()?;
    let sender = Sender {
        client,
        runtime: Handle::current(),
    };
    let headers = settings.headers.iter();
    let headers: HashMap<String, String> = headers
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .collect();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(sender)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{base}/{PATH}"))
        .with_timeout(timeout)
        .with_headers(headers);
    Ok(exporter.build()?)
}

impl Traces {
    /// Sends what is left, off the runtime's threads: they carry the requests.
    pub(crate) async fn stop(self) {
        let Some(provider) = self.0 else {
            return;
        };
        let stopped = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Exporting has a thread of its own, outside the runtime that the client needs.
#[derive(Debug)]
struct Sender {
    client: Client,
    runtime: Handle,
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self
            .runtime
            .spawn(async move { client.send_bytes(request).await });
        sent.await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(sets: &[&str]) -> Result<Traces, String> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let settings = Settings::load(None, std::iter::empty::<(String, String)>(), &sets).unwrap();
        start(&settings, "test").map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn what_is_wrong_in_the_settings_is_said_by_name() {
        for (set, said) in [
            (
                "traces.otlp_endpoint=collector",
                "traces.otlp_endpoint: give an address",
            ),
            (
                "traces.otlp_endpoint=ftp://x",
                "traces.otlp_endpoint: give an address that begins",
            ),
            ("traces.sample_ratio=1.5", "traces.sample_ratio is 1.5"),
            ("traces.timeout_seconds=0", "traces.timeout_seconds is 0"),
            ("traces.sample_ratio=-0.1", "traces.sample_ratio is -0.1"),
        ] {
            let error = started(&["traces.otlp_endpoint=http://127.0.0.1:4318", set]);
            let error = error.err().unwrap_or_else(|| panic!("{set} was taken"));
            assert!(error.contains(said), "{set}: {error}");
        }
        // Nothing is sent, and nothing looked at.
        assert!(started(&[]).unwrap().0.is_none());
    }
}
