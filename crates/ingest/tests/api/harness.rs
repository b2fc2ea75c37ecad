//! The real service on a real port with a database and a folder of its own, a subscriber beside it, and the
//! calls that clients make.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ingest::{Ingest, IngestSettings, StartError};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value as Json;
use service::{Runner, Settings, Shutdown};
use standardwebhooks::Webhook;
use testkit::{RecordedRequest, ScriptedEndpoint, TempDb};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const GRACE: Duration = Duration::from_secs(10);
/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An answer's status and body; an empty or foreign body is null.
pub(crate) type Answer = (u16, Json);

/// A running service.
pub(crate) struct TestIngest {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) endpoint: ScriptedEndpoint,
    data_dir: PathBuf,
    runner: Runner,
}

/// The settings of a service on `temp`, which listens on `listen`.
pub(crate) fn settings(temp: &TempDb, listen: &str, extra: &[String]) -> IngestSettings {
    let mut overrides = vec![
        format!("data_dir={}", temp.folder().join("data").display()),
        format!("ingest.listen={listen}"),
        format!("ingest.database.url={}", temp.url_text()),
        "ingest.http.workers=2".to_owned(),
        "ingest.extraction.workers=1".to_owned(),
        "shutdown.grace_seconds=10".to_owned(),
    ];
    overrides.extend_from_slice(extra);
    let settings = Settings::load(None, [("", ""); 0], &overrides).unwrap();
    IngestSettings::read(&settings).unwrap()
}

impl TestIngest {
    pub(crate) async fn start(temp: &TempDb) -> Self {
        Self::start_with(temp, &[]).await
    }

    pub(crate) async fn start_with(temp: &TempDb, extra: &[&str]) -> Self {
        let endpoint = ScriptedEndpoint::start().await;
        Self::start_to(temp, extra, endpoint).await
    }

    /// With a subscriber that was there before.
    pub(crate) async fn start_to(
        temp: &TempDb,
        extra: &[&str],
        endpoint: ScriptedEndpoint,
    ) -> Self {
        let listener = service::bind("ingest", "127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap().to_string();
        let mut overrides = vec![
            format!(
                "ingest.delivery.subscriptions.shop.url={}/events",
                endpoint.url()
            ),
            format!("ingest.delivery.subscriptions.shop.secret={SECRET}"),
        ];
        overrides.extend(extra.iter().map(ToString::to_string));
        let settings = settings(temp, &listen, &overrides);
        let data_dir = settings.data_dir.clone();
        let service = start_soon(settings).await;
        let runner = Runner::new(Shutdown::new());
        let shutdown = runner.shutdown().clone();
        runner.spawn(
            "ingest",
            async move { service.serve(listener, shutdown).await },
        );
        // Another test may have installed it already; it is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            base: format!("http://{listen}"),
            http: reqwest::Client::new(),
            endpoint,
            data_dir,
            runner,
        }
    }

    /// Stops the service as Ctrl-C does; the subscriber goes on.
    pub(crate) async fn stop(self) -> ScriptedEndpoint {
        assert!(
            self.runner.stop(GRACE).await.is_empty(),
            "it must stop in time"
        );
        assert_eq!(
            staged(&self.data_dir),
            0,
            "no staged upload may stay behind"
        );
        self.endpoint
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        answer(self.request(Method::POST, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    /// The body of a 200.
    pub(crate) async fn ok(&self, path: &str) -> Json {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The record of a file.
    pub(crate) async fn record(&self, id: i64) -> Json {
        self.ok(&format!("/ingest/{id}")).await
    }

    pub(crate) async fn content(&self, id: i64) -> (u16, Vec<u8>) {
        let request = self.request(Method::GET, &format!("/files/{id}/content"));
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.bytes().await.unwrap().to_vec(),
        )
    }

    pub(crate) async fn send(&self, query: &str, form: Form) -> Answer {
        let request = self.request(Method::POST, &format!("/ingest{query}"));
        answer(request.multipart(form)).await
    }

    /// Uploads files with form fields.
    pub(crate) async fn upload_as(
        &self,
        files: &[(&str, &[u8])],
        fields: &[(&'static str, &str)],
    ) -> Answer {
        self.send("", form(files, fields)).await
    }

    /// Uploads one file, which must be taken in and understood at once; answers its result.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> Json {
        self.upload_with(name, bytes, &[]).await
    }

    pub(crate) async fn upload_with(
        &self,
        name: &str,
        bytes: &[u8],
        fields: &[(&'static str, &str)],
    ) -> Json {
        let (status, body) = self.upload_as(&[(name, bytes)], fields).await;
        assert_eq!(status, 200, "{name}: {body}");
        body[0].clone()
    }

    /// The record once nothing more is done with the file.
    pub(crate) async fn settled(&self, id: i64) -> Json {
        let began = Instant::now();
        loop {
            let record = self.record(id).await;
            if record["status"] != "processing" {
                return record;
            }
            assert!(began.elapsed() < PATIENCE, "still processing: {record}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The first `count` events that the subscriber gets, all verified, in order of their sequence within a
    /// file. No more may have come.
    pub(crate) async fn events(&self, count: usize) -> Vec<Json> {
        let requests = self.endpoint.wait_for(count, PATIENCE).await;
        assert_eq!(
            requests.len(),
            count,
            "{:?}",
            requests.iter().map(kind_of).collect::<Vec<_>>()
        );
        let mut events: Vec<Json> = requests.iter().map(verified).collect();
        events.sort_by_key(|event| {
            (
                event["data"]["ingest_id"].as_i64(),
                event["sequence"].as_i64(),
            )
        });
        events
    }

    /// Where the bytes lie that are stored, sorted.
    pub(crate) fn blobs(&self) -> Vec<PathBuf> {
        files_below(&self.data_dir.join("files/blobs"))
    }

    /// Where pictures of them lie.
    pub(crate) fn previews(&self) -> Vec<PathBuf> {
        files_below(&self.data_dir.join("files/previews"))
    }

    pub(crate) fn staged(&self) -> usize {
        staged(&self.data_dir)
    }
}

/// A node's name may be held for a moment after its holder has gone.
async fn start_soon(settings: IngestSettings) -> Ingest {
    let began = Instant::now();
    loop {
        match Ingest::start(settings.clone()).await {
            Ok(service) => return service,
            Err(StartError::Engine(cause)) if began.elapsed() < PATIENCE => {
                assert!(cause.to_string().contains("in use"), "{cause}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(cause) => unreachable!("{cause}"),
        }
    }
}

pub(crate) fn form(files: &[(&str, &[u8])], fields: &[(&'static str, &str)]) -> Form {
    let form = fields.iter().fold(Form::new(), |form, (name, value)| {
        form.text(*name, (*value).to_owned())
    });
    files.iter().fold(form, |form, (name, bytes)| {
        form.part(
            "files",
            Part::bytes(bytes.to_vec()).file_name((*name).to_owned()),
        )
    })
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A problem with its code, and with the words in its detail.
#[track_caller]
pub(crate) fn assert_problem((status, body): &Answer, expected: u16, code: &str, says: &str) {
    assert_eq!(
        (*status, body["code"].as_str()),
        (expected, Some(code)),
        "{body}"
    );
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
    assert_eq!(body["status"], expected);
    assert!(!body.to_string().contains("/tmp"), "no paths: {body}");
}

fn kind_of(request: &RecordedRequest) -> Option<String> {
    request.header("x-webhook-event-type").map(str::to_owned)
}

/// The envelope, after its signature was checked as any subscriber would.
pub(crate) fn verified(request: &RecordedRequest) -> Json {
    let headers: HeaderMap = request
        .headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::try_from(name.as_str()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect();
    Webhook::new(SECRET)
        .unwrap()
        .verify(&request.body, &headers)
        .unwrap();
    let event: Json = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(event["id"].as_str(), request.header("webhook-id"));
    event
}

fn staged(data_dir: &Path) -> usize {
    files_below(&data_dir.join("files/staging")).len()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => files_below(&path),
                false => vec![path],
            }
        })
        .collect();
    files.sort();
    files
}

/// A file of `fixtures/designs`.
pub(crate) fn fixture(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/designs");
    std::fs::read(root.join(path)).unwrap()
}

/// Names and bytes of a folder of `fixtures/designs`, sorted.
pub(crate) fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/designs");
    let names = std::fs::read_dir(root.join(folder)).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".dxf"))
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let bytes = fixture(&format!("{folder}/{name}"));
            (name, bytes)
        })
        .collect()
}

/// A circle of this diameter, mm: as many different files as are wanted.
pub(crate) fn disc(diameter_mm: u32) -> Vec<u8> {
    let radius = f64::from(diameter_mm) / 2.0;
    drawing(&format!("0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n{radius}\n"))
}

/// A disc with a line of text on it.
pub(crate) fn disc_with_text(text: &str) -> Vec<u8> {
    drawing(&format!(
        "0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n50\n0\nTEXT\n8\nNOTES\n10\n0\n20\n0\n40\n5\n1\n{text}\n"
    ))
}

fn drawing(entities: &str) -> Vec<u8> {
    format!("0\nSECTION\n2\nENTITIES\n{entities}0\nENDSEC\n0\nEOF\n").into_bytes()
}

pub(crate) fn id_of(result: &Json) -> i64 {
    result["ingest_id"]
        .as_i64()
        .unwrap_or_else(|| unreachable!("{result}"))
}
