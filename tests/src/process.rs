//! One service as a process of its own: started, asked whether it is well, killed, stopped, started again on
//! the same port and data. Must never end a process that it did not start.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testkit::TempDb;

use crate::http::http;

/// The secret between ingest and receiver.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Time for a service to answer after its start, on a busy machine.
const HEALTHY_TIME_MAX: Duration = Duration::from_secs(30);
/// Time for a service to stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
/// Time for a command that only says something.
const RUN_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Lines of the log shown when a test fails.
const LOG_LINES_SHOWN: usize = 80;

/// A service; killed when dropped, its log shown when the test fails.
pub struct Process {
    arguments: Vec<String>,
    environment: Vec<(String, PathBuf)>,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
    started: Instant,
}

/// An endpoint that ingest sends every event to.
pub struct Subscription<'s> {
    pub name: &'s str,
    pub url: &'s str,
    pub profile: &'s str,
    pub retry_schedule: &'s str,
}

impl Process {
    /// The ingest service, not started yet; its own SQLite file unless another database is given.
    pub fn ingest(database: Option<&TempDb>, subscriptions: &[Subscription<'_>]) -> Self {
        let subscriptions = subscriptions.iter().map(|s| {
            format!(
                "[ingest.delivery.subscriptions.{}]\nurl = {:?}\nprofile = {:?}\nevents = [\"file.*\"]\n\
                 secret = {SECRET:?}\nretry_schedule = {:?}\n",
                s.name, s.url, s.profile, s.retry_schedule
            )
        });
        Self::service("ingest", database, &subscriptions.collect::<String>())
    }

    /// The receiver, not started yet; `sources` are names and profiles of who may send, all with [`SECRET`].
    pub fn receiver(database: Option<&TempDb>, sources: &[(&str, &str)]) -> Self {
        let sources = sources.iter().map(|(name, profile)| {
            format!("[sources.{name}]\nprofile = {profile:?}\nsecrets = [{SECRET:?}]\n")
        });
        Self::service("receiver", database, &sources.collect::<String>())
    }

    fn service(section: &str, database: Option<&TempDb>, more: &str) -> Self {
        let port = free_port();
        let url = database.map_or(String::new(), TempDb::url_text);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = format!(
            "data_dir = \"data\"\n[{section}]\nlisten = \"127.0.0.1:{port}\"\n[{section}.database]\n\
             url = {url:?}\n[shutdown]\ngrace_seconds = 5\n[log]\nlevel = \"info,access=warn\"\n{more}"
        );
        fs::write(folder.path().join("draftwire.toml"), settings)
            .expect("the settings are written");
        Self::new(vec![section.to_owned()], port, folder)
    }

    /// `draftwire ARGUMENTS` in a folder of its own, answering `/health` at `port`; not started yet.
    pub fn new(arguments: Vec<String>, port: u16, folder: TempDir) -> Self {
        Self {
            arguments,
            environment: Vec::new(),
            folder,
            port,
            child: None,
            started: Instant::now(),
        }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds to its settings; it reads them when it is started.
    pub fn add_settings(&self, more: &str) {
        let path = self.folder.path().join("draftwire.toml");
        let settings = fs::read_to_string(&path).expect("it has settings");
        fs::write(path, format!("{settings}{more}")).expect("the settings are written");
    }

    /// Sets a variable of its environment from its next start on.
    pub fn set_environment(&mut self, name: &str, value: PathBuf) {
        self.environment.push((name.to_owned(), value));
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Starts it, for the first time or again.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        self.started = Instant::now();
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let child = command(&self.arguments, self.folder.path())
            .envs(environment)
            .stdout(appended(&self.folder.path().join("out.txt")))
            .stderr(appended(&self.folder.path().join("log.txt")))
            .spawn();
        self.child = Some(child.expect("the program starts"));
    }

    /// Waits until it answers; how long that took from its start. Fails the test when it ends instead.
    pub async fn healthy(&mut self) -> Duration {
        let (http, url) = (http(), format!("{}/health", self.url()));
        while self.started.elapsed() < HEALTHY_TIME_MAX {
            let asked = http.get(&url).timeout(Duration::from_secs(2)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return self.started.elapsed();
            }
            let ended = self.child.as_mut().map(|child| child.try_wait());
            assert!(
                matches!(ended, Some(Ok(None))),
                "{:?} ended by itself: {ended:?}\n{}",
                self.arguments,
                self.log()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
        unreachable!(
            "{:?} is not well after {HEALTHY_TIME_MAX:?}",
            self.arguments
        )
    }

    /// `kill -9`, at once; gone when this returns.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("an own process can be killed");
            child.wait().expect("an own process can be waited for");
        }
    }

    /// Ctrl-C; its exit status and how long it took to end.
    pub async fn stop(&mut self) -> (ExitStatus, Duration) {
        let mut child = self.child.take().expect("it runs");
        let asked = Instant::now();
        interrupt(&child);
        while asked.elapsed() < STOP_TIME_MAX {
            if let Some(status) = child.try_wait().expect("an own process can be waited for") {
                return (status, asked.elapsed());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.child = Some(child);
        unreachable!(
            "{:?} does not stop within {STOP_TIME_MAX:?}",
            self.arguments
        )
    }

    /// What it said on standard output, in all its runs.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("out.txt")).unwrap_or_default()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- log of {:?}\n{}\n----", self.arguments, self.log());
        }
    }
}

/// What a program said that ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
    pub errors: String,
}

/// Runs `draftwire ARGUMENTS` in `folder` to its end; one that does not end by itself is killed.
pub fn run(arguments: &[&str], folder: &Path) -> Ended {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let mut command = command(&arguments, folder);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the program starts");
    let began = Instant::now();
    while began.elapsed() < RUN_TIME_MAX && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(LOOK_EVERY);
    }
    // It has ended already, as a rule.
    drop(child.kill());
    let ended = child.wait_with_output();
    let ended = ended.expect("an own process can be waited for");
    Ended {
        status: ended.status,
        output: String::from_utf8_lossy(&ended.stdout).into_owned(),
        errors: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}

/// A port that nobody listens on. Outside the range that outgoing connections are given, so that nobody takes
/// it while its service is dead.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id().wrapping_mul(97) % PORTS;
    loop {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORT_MIN + (first + offset) % PORTS).unwrap_or(u16::MAX);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

const PORT_MIN: u32 = 20_000;
const PORTS: u32 = 12_000;

/// The program that was built beside this test, in `folder`, with nothing of our environment's settings.
fn command(arguments: &[String], folder: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DRAFTWIRE__") {
            command.env_remove(name);
        }
    }
    command
}

/// The program that was built beside this test.
pub fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this test is a file");
    let found = own
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("draftwire"));
    found
        .into_iter()
        .find(|path| path.is_file())
        .expect("the program is built first: cargo build -p draftwire")
}

fn interrupt(child: &Child) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let id = id.expect("a process has a number");
    kill_process(id, Signal::INT).expect("an own process can be told to stop");
}

fn appended(path: &Path) -> File {
    let opened = File::options().create(true).append(true).open(path);
    opened.expect("the log can be written")
}
