//! A PostgreSQL server of one's own: a temporary folder, a free port, loopback only. It must never touch
//! a server that it did not start.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::apt;

/// Debian's and Ubuntu's place for the server's programs, one folder per version.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";
/// Time for the server to accept connections.
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// Time between two questions whether it does.
const POLL: Duration = Duration::from_millis(50);

/// Files of the write-ahead log of a server that has run for a while: 512 MB.
const SETTLED_SEGMENTS: usize = 32;

/// Runs the server as a child of a small shell that stops it and removes its data as soon as its own
/// standard input closes: also when this process is killed. `$0` server, `$1` folder, `$2` port.
const SUPERVISOR: &str = r#"
"$0" -D "$1/data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
     -c fsync=on -c max_connections=200 >"$1/log" 2>&1 &
server=$!
read -r _
kill -INT "$server"
wait "$server"
rm -rf "$1"
"#;

/// A running server; dropping it stops it.
pub(crate) struct Postgres {
    port: u16,
    supervisor: Child,
    /// Closing it is the order to stop.
    input: Option<ChildStdin>,
}

impl Postgres {
    /// Starts a server with fsync on, `trust` for user `postgres` on loopback, 200 connections.
    /// Installs PostgreSQL by apt when it is missing and we are root.
    pub(crate) fn start() -> Result<Self, String> {
        let bin = apt::ensure("postgresql", find_programs)?;
        let owner = Owner::find()?;
        let folder = owner.folder().map_err(|error| {
            format!("cannot make a folder for PostgreSQL in the temporary folder: {error}")
        })?;
        let result = owner
            .initialise(&bin, &folder)
            .and_then(|()| Self::launch(&bin, &folder, &owner));
        if result.is_err() {
            remove(&folder);
        }
        result
    }

    /// The same as it is after a while: on the disk, and with files for its write-ahead log that are only written over.
    /// Making a new one (16 MB of zeros) holds up every commit for some 15 ms.
    pub(crate) fn start_settled() -> Result<Self, String> {
        let server = Self::start()?;
        server.ask("ALTER SYSTEM SET min_wal_size = '512MB'")?;
        server.ask("SELECT pg_reload_conf()")?;
        for _ in 0..SETTLED_SEGMENTS {
            server.ask("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()")?;
        }
        server.ask("CHECKPOINT")?;
        Ok(server)
    }

    fn ask(&self, statement: &str) -> Result<(), String> {
        let bin = apt::ensure("postgresql", find_programs)?;
        let output = Command::new(bin.join("psql"))
            .args(["--quiet", "--no-psqlrc", "--output=/dev/null"])
            .arg(format!("--dbname={}", self.url()))
            .arg(format!("--command={statement}"))
            .output()
            .map_err(|error| format!("cannot run psql: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "{statement}: {}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Address for clients: database and user `postgres`, no password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The process from which all of the server's descend.
    pub(crate) fn id(&self) -> u32 {
        self.supervisor.id()
    }

    fn launch(bin: &Path, folder: &Path, owner: &Owner) -> Result<Self, String> {
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let mut command = owner.command(Path::new("sh"));
        command
            .args(["-c", SUPERVISOR])
            .args([bin.join("postgres"), folder.to_owned()])
            .arg(port.to_string())
            // Ctrl-C in the terminal is for us; the supervisor then sees its input close.
            .process_group(0)
            .stdin(Stdio::piped());
        let mut supervisor = command
            .spawn()
            .map_err(|error| format!("cannot run sh: {error}"))?;
        let input = supervisor.stdin.take();
        let server = Self {
            port,
            supervisor,
            input,
        };
        server.wait_until_ready(bin, folder)?;
        Ok(server)
    }

    fn wait_until_ready(&self, bin: &Path, folder: &Path) -> Result<(), String> {
        let deadline = Instant::now() + START_TIME_MAX;
        let mut ready = Command::new(bin.join("pg_isready"));
        ready
            .args(["--quiet", "--host=127.0.0.1"])
            .arg(format!("--port={}", self.port));
        while !ready.status().is_ok_and(|status| status.success()) {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL did not start:\n{log}"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Err(error) = self.supervisor.wait() {
            println!("cannot wait for PostgreSQL to stop: {error}");
        }
    }
}

/// Whom the server runs as: it refuses to run as root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find() -> Result<Self, String> {
        if !apt::is_root() {
            return Ok(Self(None));
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = users
            .lines()
            .find_map(|line| ids_of(line, "postgres"))
            .ok_or("PostgreSQL does not run as root and there is no user `postgres`: run this as another user")?;
        Ok(Self(Some(ids)))
    }

    /// A command that runs as this user, in a folder that it may enter.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Self(Some((uid, gid))) = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    fn folder(&self) -> io::Result<PathBuf> {
        let name = format!("draftwire-postgres-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)?;
        if let Self(Some((uid, gid))) = self {
            chown(&folder, Some(*uid), Some(*gid))?;
        }
        Ok(folder)
    }

    fn initialise(&self, bin: &Path, folder: &Path) -> Result<(), String> {
        let output = self
            .command(&bin.join("initdb"))
            .arg("-D")
            .arg(folder.join("data"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync"])
            .output()
            .map_err(|error| format!("cannot run initdb: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("initdb failed:\n{said}"))
    }
}

fn ids_of(line: &str, user: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    let found = fields.next()? == user;
    let mut number = || fields.next()?.parse::<u32>().ok();
    // Name, password, uid, gid.
    number();
    let ids = (number()?, number()?);
    found.then_some(ids)
}

/// The folder of `initdb`, `postgres`, `pg_isready` and `psql`: the newest version of Debian's, else what the path holds.
fn find_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN_VERSIONS).into_iter().flatten();
    let mut debian: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin")))
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = debian.into_iter().rev().map(|(_, bin)| bin);
    debian.chain(std::env::split_paths(&path)).find(|bin| {
        ["initdb", "postgres", "pg_isready", "psql"]
            .iter()
            .all(|name| bin.join(name).is_file())
    })
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        println!("cannot remove {}: {error}", folder.display());
    }
}
