//! The real service on a real port with a database of its own, and senders to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::{
    Event, EventId, FileEventKind, FileSnapshot, FileStatus, Profile, Secret, Signer, SigningKey,
    render, signed_headers,
};
use db::{Clock, SystemClock};
use receiver::{Apply, Receiver, ReceiverSettings};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Json;
use service::{Runner, Settings, Shutdown};
use standardwebhooks::Webhook;
use testkit::TempDb;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const ORIGIN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PROJECT: &str = "JB-2025-10-CL0001-001";
pub(crate) const BODY_BYTES_MAX: usize = 20_000;
const GRACE: Duration = Duration::from_secs(10);

/// Sources, one per policy.
const SOURCES: &[&str] = &[
    "sources.shop.profile=standard",
    "sources.module-n.profile=module-n",
    "sources.old.profile=module-n",
    "sources.old.body_only_signature=true",
    "sources.old.legacy_sorted_signature=true",
    "sources.makes.unknown_project=create",
    "sources.strict.unknown_project=refuse",
    "sources.open.allow_unsigned=true",
];

/// A running receiver.
pub(crate) struct TestReceiver {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) keys: access::Keys,
    pub(crate) first_key: Option<String>,
    runner: Runner,
}

/// An answer's status and body.
pub(crate) type Answer = (u16, Json);

pub(crate) fn settings(overrides: &[String]) -> ReceiverSettings {
    let settings = Settings::load(None, [("", ""); 0], overrides).unwrap();
    ReceiverSettings::load(&settings).unwrap()
}

impl TestReceiver {
    pub(crate) async fn start(temp: &TempDb) -> Self {
        Self::start_with(temp, &[]).await
    }

    pub(crate) async fn start_with(temp: &TempDb, extra: &[&str]) -> Self {
        Self::start_handled(temp, extra, None).await
    }

    /// With a handler that takes part in applying events.
    pub(crate) async fn start_handled(
        temp: &TempDb,
        extra: &[&str],
        handler: Option<Arc<dyn Apply>>,
    ) -> Self {
        let mut overrides: Vec<String> = SOURCES.iter().map(ToString::to_string).collect();
        for source in ["shop", "module-n", "old", "makes", "strict", "open"] {
            overrides.push(format!("sources.{source}.secrets={SECRET}"));
        }
        overrides.push("receiver.listen=127.0.0.1:0".to_owned());
        overrides.push("receiver.http.workers=2".to_owned());
        overrides.push(format!("receiver.body_bytes_max={BODY_BYTES_MAX}"));
        overrides.push(format!("data_dir={}", temp.folder().display()));
        overrides.push(format!("receiver.database.url={}", temp.url_text()));
        overrides.extend(extra.iter().map(ToString::to_string));
        let settings = settings(&overrides);
        let listener = settings.bind().unwrap();
        let service = match handler {
            None => Receiver::start(settings).await,
            Some(handler) => {
                let open = move || Receiver::open_with(&settings, Arc::new(SystemClock), handler);
                tokio::task::spawn_blocking(open).await.unwrap()
            }
        };
        let service = service.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let runner = Runner::new(Shutdown::new());
        let shutdown = runner.shutdown().clone();
        let keys = service.keys().clone();
        let first_key = service.first_key().map(str::to_owned);
        runner.spawn("receiver", service.serve(listener, shutdown));
        // Another test may have installed it already; it is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            base: format!("http://{address}"),
            http: reqwest::Client::new(),
            keys,
            first_key,
            runner,
        }
    }

    pub(crate) async fn stop(self) {
        assert!(self.runner.stop(GRACE).await.is_empty());
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Json) -> Answer {
        answer(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// `items` of a list.
    pub(crate) async fn items(&self, path: &str) -> Vec<Json> {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body["total"].as_u64().unwrap() >= body["items"].as_array().unwrap().len() as u64);
        body["items"].as_array().unwrap().clone()
    }

    /// Signs and sends as any sender of Standard Webhooks would.
    pub(crate) async fn send(&self, source: &str, event: &Event) -> Answer {
        let profile = if source == "module-n" {
            Profile::ModuleN
        } else {
            Profile::Standard
        };
        let body = render(profile, event, "endpoint").unwrap();
        let id = event.id.to_string();
        self.send_raw(source, sign(&id, now_s(), &body), body).await
    }

    pub(crate) async fn send_raw(&self, source: &str, headers: HeaderMap, body: Vec<u8>) -> Answer {
        let url = format!("{}/webhooks/{source}/event", self.base);
        answer(self.http.post(url).headers(headers).body(body)).await
    }

    pub(crate) async fn make_project(&self) -> i64 {
        let client = serde_json::json!({"code": "CL0001", "name": "Acme"});
        assert_eq!(self.post("/clients", &client).await.0, 201);
        let project = serde_json::json!({"code": PROJECT});
        let (status, body) = self.post("/projects", &project).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_i64().unwrap()
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status == 204 {
        return (status, Json::Null);
    }
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let expected = if status < 400 {
        "application/json"
    } else {
        "application/problem+json"
    };
    assert_eq!(kind, expected);
    (status, response.json().await.unwrap())
}

pub(crate) fn now_s() -> i64 {
    SystemClock.now_ms() / 1000
}

/// The three standard headers.
pub(crate) fn sign(id: &str, timestamp_s: i64, body: &[u8]) -> HeaderMap {
    sign_with(SECRET, id, timestamp_s, body)
}

pub(crate) fn sign_with(secret: &str, id: &str, timestamp_s: i64, body: &[u8]) -> HeaderMap {
    let signature = Webhook::new(secret)
        .unwrap()
        .sign(id, timestamp_s, body)
        .unwrap();
    headers(&[
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp_s.to_string()),
        ("webhook-signature", &signature),
    ])
}

/// The headers of a sender that signs the body alone.
pub(crate) fn sign_body(event: &Event, body: &[u8]) -> HeaderMap {
    let signer = Signer::new(vec![SigningKey::Hmac(Secret::parse(SECRET).unwrap())]);
    let all = signed_headers(Profile::ModuleN, event, "endpoint", 0, &signer, body);
    let body_only: Vec<(&str, &str)> = all
        .iter()
        .filter(|(name, _)| *name == "x-webhook-signature")
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    headers(&body_only)
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::try_from(*value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

/// A `file.processed` snapshot with all facts.
pub(crate) fn snapshot(ingest_id: i64) -> FileSnapshot {
    let extraction = r#"{"width_mm":120.0,"height_mm":80.5,"cut_length_mm":651.327,"holes":[{"diameter_mm":6.0,"count":4}]}"#;
    FileSnapshot {
        ingest_id,
        original_filename: Some("bracket.dxf".to_owned()),
        stored_filename: Some(format!("CL0001-{PROJECT}-Bracket-MS-5mm-x10-v1.dxf")),
        file_type: Some("dxf".to_owned()),
        status: Some(FileStatus::Completed),
        client_code: Some("CL0001".to_owned()),
        project_code: Some(PROJECT.to_owned()),
        part_name: Some("Bracket".to_owned()),
        material: Some("Mild Steel".to_owned()),
        thickness_mm: Some(5.0),
        quantity: Some(10),
        version: Some(1),
        created_at_ms: Some(1_761_042_598_250),
        preview_url: Some("http://127.0.0.1:8081/files/1/preview.svg".to_owned()),
        extraction: Some(serde_json::value::RawValue::from_string(extraction.to_owned()).unwrap()),
        ..FileSnapshot::default()
    }
}

/// The event of a snapshot; the id follows from file and sequence.
pub(crate) fn event(kind: FileEventKind, sequence: i64, snapshot: &FileSnapshot) -> Event {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&u32::try_from(snapshot.ingest_id).unwrap().to_be_bytes());
    random[4..8].copy_from_slice(&u32::try_from(sequence).unwrap().to_be_bytes());
    Event {
        id: EventId::new(1_761_042_600_000, random),
        event_type: kind.event_type(),
        timestamp_ms: 1_761_042_600_000 + sequence * 10,
        tenant: "default".to_owned(),
        subject: snapshot.subject(),
        sequence,
        origin: ORIGIN.to_owned(),
        data: snapshot.to_data().unwrap(),
        metadata: None,
    }
}
