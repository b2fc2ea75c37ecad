//! A look at what the service needs, from beside it, with what to do about what is missing. It must never change a
//! table or keep a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use db::{Conn, Database, DatabaseSettings, DatabaseUrl, DbError, Migrations, examine, sql};
use diesel::sql_types::Text;

use crate::extraction::{CONVERTERS, Sandbox, installed};
use crate::settings::IngestSettings;
use crate::start::{MIGRATIONS, open_database};

/// Slower than this, and uploads will feel it.
const FSYNC_SLOW_MS: u128 = 100;
/// A larger difference, and signatures and schedules suffer.
pub const CLOCK_MS_MAX: i64 = 2_000;

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: &'static str,
    pub verdict: Verdict,
    pub detail: String,
    /// What to do; empty when there is nothing.
    pub mend: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// The service runs, less well.
    Warning,
    /// The service does not run, or loses what it promises.
    Broken,
}

impl Finding {
    pub fn fine(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fine, detail, "")
    }

    pub fn new(
        name: &'static str,
        verdict: Verdict,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            name,
            verdict,
            detail: detail.into(),
            mend: mend.into(),
        }
    }
}

/// Looks at database, storage, kernel and programs. Blocks.
pub fn examine_ingest(settings: &IngestSettings) -> Vec<Finding> {
    let names = ["database", "migrations", "clock"];
    let url_key = "ingest.database.url";
    let mut findings = examine_database(names, url_key, &settings.database, MIGRATIONS);
    findings.push(storage(&settings.files_dir));
    findings.push(sandbox(&settings.files_dir));
    findings.push(ocr(settings));
    findings.push(heic(settings));
    findings.extend(settings.watch.iter().map(|folder| watched(&folder.root)));
    findings
}

/// Endpoints that events are owed to, by the configuration and by the database: what they are called, and their URLs.
/// Blocks.
pub fn endpoints(settings: &IngestSettings) -> Vec<(String, String)> {
    let configured = settings.subscriptions.0.iter();
    let mut found: Vec<(String, String)> = configured
        .map(|one| (one.name.clone(), one.url.clone()))
        .collect();
    let of_table = subscribed(settings).unwrap_or_default().into_iter();
    found.extend(of_table.map(|row| (row.uuid, row.url)));
    found
}

#[derive(diesel::QueryableByName)]
struct Subscribed {
    #[diesel(sql_type = Text)]
    uuid: String,
    #[diesel(sql_type = Text)]
    url: String,
}

/// Those that only the database knows, as far as there is one that is up to date.
fn subscribed(settings: &IngestSettings) -> Option<Vec<Subscribed>> {
    let examined = examine(&settings.database, MIGRATIONS).ok()??;
    if !examined.pending.is_empty() {
        return None;
    }
    let database: Database = open_database(settings).ok()?;
    let read = |conn: &mut Conn| -> Result<Vec<Subscribed>, DbError> {
        conn.rows(sql(
            "SELECT uuid, url FROM subscriptions WHERE state = 1 AND config_name IS NULL ORDER BY id",
        ))
    };
    database.reads().run_blocking(read).ok()
}

/// Looks at a service's database: findings of these names about itself, its migrations and its clock. `url_key` is
/// the setting that says where it is. Blocks.
pub fn examine_database(
    [database, migrations, clock]: [&'static str; 3],
    url_key: &str,
    settings: &DatabaseSettings,
    known: Migrations,
) -> Vec<Finding> {
    let url = settings.url.to_string();
    let examined = match examine(settings, known) {
        Ok(Some(examined)) => examined,
        Ok(None) => {
            let detail = format!("{url} is made at the first start");
            return vec![Finding::fine(database, detail)];
        }
        Err(cause) => {
            let mend = match settings.url {
                DatabaseUrl::Sqlite(_) => {
                    format!("Check the file's owner and mode, and {url_key}.")
                }
                DatabaseUrl::Postgres(_) => format!(
                    "Check that the server runs, that the database exists, and user and password in {url_key}."
                ),
            };
            let detail = format!("{url}: {cause}");
            return vec![Finding::new(database, Verdict::Broken, detail, mend)];
        }
    };
    let pending = examined.pending.len();
    let migrations = match pending {
        0 => Finding::fine(migrations, "up to date"),
        _ => Finding::new(
            migrations,
            Verdict::Warning,
            format!("{pending} pending: {}", examined.pending.join(", ")),
            "The next start runs them: make a backup before.",
        ),
    };
    let ahead = examined.clock_ahead_ms;
    let clock = match ahead.abs() > CLOCK_MS_MAX {
        false => Finding::fine(clock, format!("{ahead} ms from the database's")),
        true => Finding::new(
            clock,
            Verdict::Warning,
            format!("the database's clock is {ahead} ms ahead of this machine's"),
            "Let both follow a time server (timedatectl set-ntp true).",
        ),
    };
    vec![Finding::fine(database, url), migrations, clock]
}

fn storage(folder: &Path) -> Finding {
    let shown = folder.display().to_string();
    let probe = folder.join(format!("doctor-{}", std::process::id()));
    let existed = folder.exists();
    let tried = std::fs::create_dir_all(folder).and_then(|()| fsynced(&probe));
    // What was made for the look goes; a folder that was not there goes, too, when it is empty.
    drop(std::fs::remove_file(&probe));
    if !existed {
        drop(std::fs::remove_dir(folder));
    }
    match tried {
        Ok(ms) if ms > FSYNC_SLOW_MS => Finding::new(
            "storage",
            Verdict::Warning,
            format!("{shown}: a write takes {ms} ms to be on disk"),
            "Uploads wait for it: put ingest.storage.url on a faster disk.",
        ),
        Ok(ms) => Finding::fine(
            "storage",
            format!("{shown}: written and on disk within {ms} ms"),
        ),
        Err(cause) => Finding::new(
            "storage",
            Verdict::Broken,
            format!("{shown}: {cause}"),
            "Give the service's user the folder (chown), or name another in ingest.storage.url.",
        ),
    }
}

fn fsynced(path: &Path) -> io::Result<u128> {
    let began = Instant::now();
    let mut file = File::create(path)?;
    file.write_all(b"doctor")?;
    file.sync_all()?;
    Ok(began.elapsed().as_millis())
}

fn sandbox(folder: &Path) -> Finding {
    let sandbox = Sandbox::of_this_kernel(folder);
    let abi = sandbox.landlock_abi.unwrap_or(0);
    match sandbox.missing.is_empty() {
        true => Finding::fine(
            "sandbox",
            format!("workers are confined (Landlock {abi}, seccomp)"),
        ),
        false => Finding::new(
            "sandbox",
            Verdict::Warning,
            format!(
                "the kernel does not keep workers from: {}",
                sandbox.missing.join(", ")
            ),
            "Use a kernel with Landlock (5.13 or newer, in the list of /sys/kernel/security/lsm), and a container that allows it.",
        ),
    }
}

fn ocr(settings: &IngestSettings) -> Finding {
    let extraction = &settings.extraction;
    if !extraction.ocr {
        return Finding::fine("ocr", "switched off (ingest.extraction.ocr)");
    }
    let program = match extraction.ocr_program.as_str() {
        "" => "tesseract",
        program => program,
    };
    let listed = Command::new(program)
        .arg("--list-langs")
        .stdin(Stdio::null())
        .output();
    let Ok(listed) = listed else {
        return Finding::new(
            "ocr",
            Verdict::Warning,
            format!("{program} is not installed: words in pictures are not read"),
            "apt-get install tesseract-ocr, or set ingest.extraction.ocr = false.",
        );
    };
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let wanted = extraction.ocr_languages.split('+').map(str::trim);
    let missing: Vec<&str> = wanted
        .filter(|language| !text.lines().any(|line| line.trim() == *language))
        .collect();
    match missing.is_empty() {
        true => Finding::fine(
            "ocr",
            format!("{program} with {}", extraction.ocr_languages),
        ),
        false => Finding::new(
            "ocr",
            Verdict::Warning,
            format!("{program} has no {}", missing.join(", ")),
            format!(
                "apt-get install tesseract-ocr-{}",
                missing.join(" tesseract-ocr-")
            ),
        ),
    }
}

fn heic(settings: &IngestSettings) -> Finding {
    let configured = &settings.extraction.heic_converter;
    match installed(configured, &CONVERTERS) {
        Some(program) => Finding::fine("heic", program.display().to_string()),
        None => Finding::new(
            "heic",
            Verdict::Warning,
            format!(
                "{} is not installed: HEIC and AVIF pictures are not shown",
                match configured.as_str() {
                    "" => CONVERTERS.join(" or "),
                    program => program.to_owned(),
                }
            ),
            "apt-get install libheif-examples, or set ingest.extraction.heic_converter.",
        ),
    }
}

fn watched(root: &PathBuf) -> Finding {
    match std::fs::read_dir(root) {
        Ok(_) => Finding::fine("watch", root.display().to_string()),
        Err(cause) => Finding::new(
            "watch",
            Verdict::Warning,
            format!("{}: {cause}", root.display()),
            "Mount or make the folder, and let the service's user read and write it.",
        ),
    }
}
