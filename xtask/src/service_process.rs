//! The real `draftwire ingest` as a process of its own, with what it costs. Stopped when dropped.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::postgres::Postgres;
use crate::wire::Client;

const START_TIME_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Clock ticks in a second, as /proc counts them on every Linux that there is.
const TICKS: f64 = 100.0;

/// A service with its folder and its database.
pub(crate) struct Service {
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    postgres: Option<Postgres>,
    pub(crate) address: SocketAddr,
    process: Child,
}

/// Time and memory that were spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// Processor seconds, the database's included.
    pub(crate) cpu_s: f64,
    /// Most memory of the service, MiB.
    pub(crate) memory_mib: f64,
}

impl Service {
    /// `folder` is emptied. `postgres`: the database; else SQLite in the folder.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        postgres: Option<Postgres>,
        settings: &[String],
    ) -> Result<Self, String> {
        let io = |error: std::io::Error| format!("{}: {error}", folder.display());
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => fs::create_dir_all(folder).map_err(io)?,
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.map_err(io)?;
        let mut settings = settings.to_vec();
        settings.push(format!("data_dir={}", folder.join("data").display()));
        settings.push(format!("ingest.listen={address}"));
        settings.push("log.level=error".to_owned());
        if let Some(server) = &postgres {
            settings.push(format!("ingest.database.url={}", server.url()));
        }
        let process = spawn(program, folder, &settings)?;
        let service = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            settings,
            postgres,
            address,
            process,
        };
        service.wait_until_healthy()?;
        Ok(service)
    }

    /// `kill -9`, and at once a new process.
    pub(crate) fn crash(&mut self) -> Result<(), String> {
        self.kill();
        self.process = spawn(&self.program, &self.folder, &self.settings)?;
        Ok(())
    }

    /// A key, made at the machine.
    pub(crate) fn key(&self, tenant: &str) -> Result<String, String> {
        let made = command(&self.program, &self.folder, &self.settings)
            .args(["keys", "create", "--name=bench", "--scopes=admin"])
            .arg(format!("--tenant={tenant}"))
            .output()
            .map_err(|error| format!("keys create: {error}"))?;
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let key = said.split_whitespace().find(|word| word.starts_with("dw_"));
        key.map(str::to_owned)
            .ok_or_else(|| format!("keys create made none: {said}"))
    }

    /// `in_flight`: attempts under way at once.
    pub(crate) fn subscribe(
        &self,
        key: &str,
        url: &str,
        events: &str,
        in_flight: u32,
    ) -> Result<(), String> {
        let body =
            format!(r#"{{"url":"{url}","events":["{events}"],"max_in_flight":{in_flight}}}"#);
        let mut client = Client::new(self.address, key);
        match client.ask("POST", "/api/v1/webhooks/subscriptions", &body) {
            Ok((201, _)) => Ok(()),
            Ok((status, body)) => Err(format!(
                "subscribe: {status} {}",
                String::from_utf8_lossy(&body)
            )),
            Err(error) => Err(format!("subscribe: {error}")),
        }
    }

    /// Since the process began.
    pub(crate) fn spent(&self) -> Spent {
        let database = self.postgres.as_ref().map(Postgres::id);
        let roots = [Some(self.process.id()), database];
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let peak_kib = status.ok().and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        });
        Spent {
            cpu_s: cpu_seconds(&roots.into_iter().flatten().collect::<Vec<_>>()),
            memory_mib: peak_kib.unwrap_or_default() / 1_024.0,
        }
    }

    /// Size of the database, as the service says it.
    pub(crate) fn database_bytes(&self) -> Option<f64> {
        let mut client = Client::new(self.address, "");
        let (_, metrics) = client.ask("GET", "/metrics", "").ok()?;
        let metrics = String::from_utf8(metrics).ok()?;
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix("draftwire_database_bytes "))?;
        value.parse().ok()
    }

    fn wait_until_healthy(&self) -> Result<(), String> {
        let deadline = Instant::now() + START_TIME_MAX;
        let mut client = Client::new(self.address, "");
        while !matches!(client.ask("GET", "/health", ""), Ok((200, _))) {
            if Instant::now() > deadline {
                let said = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(format!("the service did not start:\n{said}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn command(program: &Path, folder: &Path, settings: &[String]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

fn spawn(program: &Path, folder: &Path, settings: &[String]) -> Result<Child, String> {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    command(program, folder, settings)
        .arg("ingest")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))
}

/// Of these processes and all that descend from them, those that have ended included.
fn cpu_seconds(roots: &[u32]) -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats: Vec<(u32, u32, f64)> = processes
        .filter_map(|entry| stat(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect();
    let parent = |id: u32| stats.iter().find(|stat| stat.0 == id).map(|stat| stat.1);
    let is_ours = |id: u32| {
        let mut line = std::iter::successors(Some(id), |id| parent(*id));
        line.any(|ancestor| roots.contains(&ancestor))
    };
    let ours = stats.iter().filter(|stat| is_ours(stat.0));
    ours.map(|stat| stat.2).sum()
}

/// Id, parent, and processor seconds with those of children that have ended.
fn stat(text: &str) -> Option<(u32, u32, f64)> {
    let (id, rest) = text.split_once(' ')?;
    let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter();
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Some((
        id.parse().ok()?,
        fields.get(1)?.parse().ok()?,
        ticks / TICKS,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_and_its_children_spent_adds_up() {
        let line = "17 (a name) with ) S 3 17 17 0 -1 4194560 0 0 0 0 100 50 30 20 20 0 1 0";
        assert_eq!(stat(line), Some((17, 3, 2.0)));
        let own = std::process::id();
        assert!(cpu_seconds(&[own]) >= 0.0);
        assert_eq!(cpu_seconds(&[]), 0.0);
    }
}
