//! Mail to people, through a small mail server of the test's own: what is told, once, and again when the server was away.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use service::{Runner, Shutdown};
use testkit::{ScriptedEndpoint, ScriptedReply, TempDb};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{PATIENCE, TestIngest, answer, disc};
use crate::workers::script;

/// A mail server (RFC 5321, as much of it as is spoken here) that keeps what it is sent.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    mails: Vec<String>,
    logins: Vec<String>,
    /// So many mails are put off with 451 first.
    put_off: usize,
}

impl Mailbox {
    async fn start(runner: &Runner, address: &str) -> (Self, String) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mailbox = Self::default();
        let served = mailbox.clone();
        runner.spawn("mailbox", async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.clone().serve(stream).await;
            }
        });
        (mailbox, address)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 test\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_uppercase();
            let reply = match verb.as_str() {
                "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                "AUTH" => {
                    self.kept().logins.push(line.clone());
                    "235 welcome"
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.unwrap();
                    let mut mail = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
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
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            if write
                .write_all(format!("{reply}\r\n").as_bytes())
                .await
                .is_err()
                || verb == "QUIT"
            {
                return;
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
