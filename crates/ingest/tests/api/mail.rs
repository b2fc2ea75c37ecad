//! Mail to people, through a small mail server of the test's own: what is told, once, and again when the server was away.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use service::{Runner, Shutdown};
use testkit::{ScriptedEndpoint, ScriptedReply, TempDb};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::harness::{PATIENCE, TestIngest, answer, disc};
use crate::workers::script;

/// A mail server (RFC 5321, as much of it as is spoken here) that keeps what it is sent; with a certificate it wants TLS
/// first (RFC 3207).
#[derive(Clone, Default)]
struct Mailbox {
    kept: Arc<Mutex<Kept>>,
    tls: Option<TlsAcceptor>,
}

/// A line without its end.
async fn next<S: AsyncRead + Unpin>(lines: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    let bytes = lines.read_line(&mut line).await.ok()?;
    (bytes > 0).then(|| line.trim_end().to_owned())
}

#[derive(Default)]
struct Kept {
    /// Heard before TLS began, where it is wanted.
    clear: Vec<String>,
    mails: Vec<String>,
    logins: Vec<String>,
    /// So many mails are put off with 451 first.
    put_off: usize,
}

impl Mailbox {
    async fn start(runner: &Runner, address: &str) -> (Self, String) {
        Self::default().served(runner, address).await
    }

    /// One that has the certificate and key of this file.
    async fn with_tls(runner: &Runner, pem: &str) -> (Self, String) {
        let pem = std::fs::read(data(pem)).unwrap();
        let certificates = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap);
        let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
        drop(rustls::crypto::ring::default_provider().install_default());
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates.collect(), key)
            .unwrap();
        let mailbox = Self {
            tls: Some(TlsAcceptor::from(Arc::new(config))),
            ..Self::default()
        };
        mailbox.served(runner, "127.0.0.1:0").await
    }

    async fn served(self, runner: &Runner, address: &str) -> (Self, String) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mailbox = self;
        let served = mailbox.clone();
        runner.spawn("mailbox", async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.clone().serve(stream).await;
            }
        });
        (mailbox, address)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, mut stream: TcpStream) {
        if stream.write_all(b"220 test\r\n").await.is_err() {
            return;
        }
        let Some(tls) = self.tls.clone() else {
            self.talk(stream, false).await;
            return;
        };
        if let Some(stream) = self.talk(stream, true).await
            && let Ok(stream) = tls.accept(stream).await
        {
            self.talk(stream, false).await;
        }
    }

    /// Until the end, or until TLS is to begin.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        is_clear: bool,
    ) -> Option<S> {
        let mut lines = BufReader::new(stream);
        while let Some(line) = next(&mut lines).await {
            if is_clear {
                self.kept().clear.push(line.clone());
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            let reply = match verb.to_uppercase().as_str() {
                "EHLO" if is_clear => "250-test\r\n250 STARTTLS",
                "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                "STARTTLS" if is_clear => {
                    lines.write_all(b"220 go on\r\n").await.ok()?;
                    return Some(lines.into_inner());
                }
                "AUTH" => {
                    self.kept().logins.push(line.clone());
                    "235 welcome"
                }
                "DATA" => {
                    lines.write_all(b"354 go on\r\n").await.ok()?;
                    self.take(&mut lines).await
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            lines
                .write_all(format!("{reply}\r\n").as_bytes())
                .await
                .ok()?;
            lines.flush().await.ok()?;
            if reply == "221 bye" {
                break;
            }
        }
        None
    }

    async fn take<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        lines: &mut BufReader<S>,
    ) -> &'static str {
        let mut mail = String::new();
        while let Some(line) = next(lines).await {
            if line == "." {
                break;
            }
            mail.push_str(&line);
            mail.push('\n');
        }
        let mut kept = self.kept();
        match kept.put_off {
            0 => {
                kept.mails.push(mail);
                "250 kept"
            }
            _ => {
                kept.put_off -= 1;
                "451 come again"
            }
        }
    }

    fn summaries(&self) -> Vec<String> {
        let mut mails = self.kept().mails.clone();
        mails.retain(|mail| mail.contains("the last day"));
        mails
    }

    async fn until(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let mails = self.kept().mails.clone();
            if mails.len() >= count {
                return mails;
            }
            assert!(began.elapsed() < PATIENCE * 2, "{mails:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn sets(address: &str) -> Vec<String> {
    [
        ("server", address),
        ("tls", "none"),
        ("user", "shop"),
        ("password", "hunter2"),
        ("from", "draftwire <draftwire@example.com>"),
        ("to", "foreman@example.com,office@example.com"),
        ("interval_seconds", "1"),
    ]
    .map(|(key, value)| format!("ingest.mail.{key}={value}"))
    .to_vec()
}

async fn start(temp: &TempDb, sets: &[String], endpoint: ScriptedEndpoint) -> TestIngest {
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    TestIngest::start_to(temp, &sets, endpoint).await
}

#[tokio::test]
async fn failed_files_and_disabled_endpoints_are_told_once() {
    for temp in TempDb::both() {
        let runner = Runner::new(Shutdown::new());
        let (mailbox, address) = Mailbox::start(&runner, "127.0.0.1:0").await;
        mailbox.kept().put_off = 1;
        let ingest = start(&temp, &sets(&address), ScriptedEndpoint::start().await).await;
        // The first look is where mail begins: what was before it is history.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (status, _) = ingest
            .upload_as(&[("broken.pdf", b"%PDF-1.7\nnothing follows")], &[])
            .await;
        assert_eq!(status, 200);
        ingest.upload("fine.dxf", &disc(1)).await;
        let gone = ScriptedEndpoint::start().await;
        gone.respond_in_turn([ScriptedReply::json(410, "{}")]);
        let create = ingest.request(Method::POST, "/api/v1/webhooks/subscriptions");
        let subscription = json!({"url": gone.url(), "events": ["order.*"]});
        assert_eq!(answer(create.json(&subscription)).await.0, 201);
        let publish = ingest.request(Method::POST, "/api/v1/webhooks/events");
        let event = json!({"type": "order.placed", "data": {"id": 1}});
        assert_eq!(answer(publish.json(&event)).await.0, 202);
        let began = Instant::now();
        loop {
            let mails = mailbox.kept().mails.concat();
            if mails.contains("broken.pdf") && mails.contains(gone.url()) {
                break;
            }
            assert!(began.elapsed() < PATIENCE * 2, "{mails}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let endpoint = ingest.stop().await;
        let ingest = start(&temp, &sets(&address), endpoint).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        ingest.stop().await;
        let mails = mailbox.kept().mails.concat();
        assert_eq!(mails.matches("broken.pdf").count(), 1, "{mails}");
        assert_eq!(mails.matches(gone.url()).count(), 1, "{mails}");
        for part in [
            "Subject: draftwire: 1 failed",
            "To: foreman@example.com, office@example.com",
            "/console",
        ] {
            assert!(mails.contains(part), "{part} is not in {mails}");
        }
        assert!(!mails.contains("hunter2"), "{mails}");
        assert!(!mailbox.kept().logins.is_empty(), "it logs in");
        runner.stop(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn a_mail_server_that_is_away_delays_nothing_and_loses_nothing() {
    let temp = TempDb::sqlite();
    let runner = Runner::new(Shutdown::new());
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = away.local_addr().unwrap().to_string();
    drop(away);
    let mut sets = sets(&address);
    sets.push("ingest.mail.lines_max=3".to_owned());
    sets.push(script(&temp, "exit 1"));
    let ingest = start(&temp, &sets, ScriptedEndpoint::start().await).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    for number in 1..=5 {
        let failed = ingest
            .upload(&format!("p{number}.dxf"), &disc(number))
            .await;
        assert_eq!(failed["status"], "failed", "{failed}");
    }
    let endpoint = ingest.stop().await;
    let (mailbox, _) = Mailbox::start(&runner, &address).await;
    let ingest = start(&temp, &sets, endpoint).await;
    let mails = mailbox.until(1).await;
    assert!(
        mails[0].contains("Subject: draftwire: 5 failed"),
        "{}",
        mails[0]
    );
    assert!(mails[0].contains("and 2 more"), "{}", mails[0]);
    ingest.stop().await;
    runner.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn a_day_is_summed_up_when_it_ends() {
    for temp in TempDb::both() {
        let runner = Runner::new(Shutdown::new());
        let (mailbox, address) = Mailbox::start(&runner, "127.0.0.1:0").await;
        let mut sets = sets(&address);
        sets.push("ingest.mail.summary_at=06:30".to_owned());
        let ingest = start(&temp, &sets, ScriptedEndpoint::start().await).await;
        ingest.upload("fine.dxf", &disc(1)).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(
            mailbox.summaries().is_empty(),
            "the day that was over before is not told"
        );
        // As if the last one told of had been a day earlier, and the file of that day.
        let day = 24 * 60 * 60 * 1000;
        crate::restarts::batch(
            &temp,
            &format!("UPDATE files SET created_at_ms = created_at_ms - {day}"),
        );
        crate::restarts::batch(
            &temp,
            &format!(
                "UPDATE mail_cursors SET told_until = told_until - {day} WHERE name = 'summary'"
            ),
        );
        let began = Instant::now();
        while mailbox.summaries().is_empty() {
            assert!(began.elapsed() < PATIENCE, "no summary");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let summaries = mailbox.summaries();
        assert_eq!(summaries.len(), 1, "once");
        for line in ["       1  files taken in", "       1  of them read"] {
            assert!(
                summaries[0].contains(line),
                "{line:?} is not in {}",
                summaries[0]
            );
        }
        ingest.stop().await;
        runner.stop(Duration::ZERO).await;
    }
}

/// A file beside the tests.
fn data(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mail");
    folder.join(name)
}

/// Every line of this process's log about mail, once it is written down.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged() -> String {
    static LOG: OnceLock<Log> = OnceLock::new();
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let of_mail = Targets::new()
            .with_target("ingest::mail", LevelFilter::TRACE)
            .with_target("lettre", LevelFilter::TRACE)
            .with_target("rustls", LevelFilter::TRACE);
        let lines = log.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || lines.clone());
        let all = tracing_subscriber::registry().with(layer.with_filter(of_mail));
        tracing::subscriber::set_global_default(all).unwrap();
        log
    });
    let lines = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&lines).into_owned()
}

/// A service whose files all fail, with mail to a server that wants TLS.
async fn failing(temp: &TempDb, address: &str, more: &[String]) -> TestIngest {
    let port = address.rsplit(':').next().unwrap();
    let mut sets = sets(&format!("localhost:{port}"));
    sets.retain(|set| !set.starts_with("ingest.mail.tls="));
    sets.push("ingest.mail.tls=starttls".to_owned());
    sets.push(script(temp, "exit 1"));
    sets.extend_from_slice(more);
    let ingest = start(temp, &sets, ScriptedEndpoint::start().await).await;
    // The first look is where mail begins.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(ingest.upload("p.dxf", &disc(1)).await["status"], "failed");
    ingest
}

fn trusting() -> String {
    format!("ingest.mail.ca_file={}", data("authority.pem").display())
}

#[tokio::test]
async fn a_password_is_said_over_tls_only_and_never_logged() {
    assert!(
        !logged().contains("hunter2"),
        "it is written down from here on"
    );
    let temp = TempDb::sqlite();
    let runner = Runner::new(Shutdown::new());
    let (mailbox, address) = Mailbox::with_tls(&runner, "localhost.pem").await;
    let ingest = failing(&temp, &address, &[trusting()]).await;
    let mails = mailbox.until(1).await;
    assert!(mails[0].contains("p.dxf"), "{}", mails[0]);
    ingest.stop().await;
    assert!(!mailbox.kept().logins.is_empty(), "it logs in");
    for line in &mailbox.kept().clear {
        let harmless = ["EHLO", "STARTTLS"];
        assert!(harmless.iter().any(|verb| line.starts_with(verb)), "{line}");
    }
    let logged = logged();
    assert!(logged.contains("mail sent"), "{logged}");
    let password = base64_of_login();
    assert!(
        !logged.contains("hunter2") && !logged.contains(&password),
        "{logged}"
    );
    runner.stop(Duration::ZERO).await;
}

/// As `AUTH PLAIN` says it (RFC 4616): NUL, user, NUL, password.
fn base64_of_login() -> String {
    base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        "\0shop\0hunter2",
    )
}

#[tokio::test]
async fn who_cannot_prove_to_be_the_mail_server_hears_nothing() {
    let runner = Runner::new(Shutdown::new());
    for (pem, more) in [
        // An authority that nobody knows; a name that is another one's.
        ("localhost.pem", vec![]),
        ("elsewhere.pem", vec![trusting()]),
    ] {
        let temp = TempDb::sqlite();
        let (mailbox, address) = Mailbox::with_tls(&runner, pem).await;
        let before = logged().matches("mail waits").count();
        let ingest = failing(&temp, &address, &more).await;
        let began = Instant::now();
        while logged().matches("mail waits").count() == before || mailbox.kept().clear.is_empty() {
            assert!(began.elapsed() < PATIENCE, "{}", logged());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ingest.stop().await;
        let kept = mailbox.kept();
        assert!(kept.mails.is_empty() && kept.logins.is_empty(), "{pem}");
    }
    // One that offers no TLS is told nothing either.
    let temp = TempDb::sqlite();
    let (mailbox, address) = Mailbox::start(&runner, "127.0.0.1:0").await;
    let before = logged().matches("mail waits").count();
    let ingest = failing(&temp, &address, &[trusting()]).await;
    let began = Instant::now();
    while logged().matches("mail waits").count() == before {
        assert!(began.elapsed() < PATIENCE, "{}", logged());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ingest.stop().await;
    assert!(mailbox.kept().mails.is_empty() && mailbox.kept().logins.is_empty());
    assert!(!logged().contains("hunter2"));
    runner.stop(Duration::ZERO).await;
}
