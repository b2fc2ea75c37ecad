//! Environment settings of the replaced file service, rewritten as ours. Pure: text in, text and notes out. It must never
//! drop a setting without a word.

use std::collections::BTreeMap;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) toml: String,
    /// What a person must know or do, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// Retries and first wait there when nothing was set: 3 attempts, 5 s, doubling.
const ATTEMPTS_USUAL: u32 = 3;
const DELAY_USUAL: u64 = 5;
const ATTEMPTS_MAX: u32 = 21;
const SUBSCRIPTION: &str = "laser-os";

/// Rewrites lines of `NAME=value`.
pub(crate) fn import(text: &str) -> Imported {
    let mut import = Import {
        given: read(text),
        lines: BTreeMap::new(),
        notes: Vec::new(),
    };
    import.listen();
    import.storage();
    import.subscription();
    import.reading();
    import.log();
    for name in std::mem::take(&mut import.given).into_keys() {
        import
            .notes
            .push(format!("{name} is not known and was not taken over"));
    }
    let mut toml =
        String::from("# Taken over from the environment of the service that this one replaces.\n");
    for (table, lines) in &import.lines {
        toml.push_str(&format!("\n[{table}]\n"));
        for line in lines {
            toml.push_str(&format!("{line}\n"));
        }
    }
    Imported {
        toml,
        notes: import.notes,
    }
}

/// As `.env` files are written: `export`, quotes, comments and blank lines.
fn read(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        let is_name = !name.is_empty() && !name.starts_with('#');
        is_name.then(|| (name.to_owned(), unquoted(value.trim()).to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote)
            && let Some((inner, _comment)) = inner.split_once(quote)
        {
            return inner;
        }
    }
    value
        .split_once(" #")
        .map_or(value, |(value, _comment)| value)
        .trim_end()
}

struct Import {
    given: BTreeMap<String, String>,
    /// By table.
    lines: BTreeMap<&'static str, Vec<String>>,
    notes: Vec<String>,
}

impl Import {
    /// Takes a setting; blank ones say nothing.
    fn take(&mut self, name: &str) -> Option<String> {
        self.given.remove(name).filter(|value| !value.is_empty())
    }

    /// A setting that must be of some form; one that is not is told.
    fn parsed<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.note(format!(
                "{name}: {value:?} is not understood and was not taken over"
            ));
        }
        parsed
    }

    fn put(&mut self, table: &'static str, key: &str, value: impl Into<toml::Value>) {
        let value: toml::Value = value.into();
        self.lines
            .entry(table)
            .or_default()
            .push(format!("{key} = {value}"));
    }

    fn note(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    fn listen(&mut self) {
        let (host, port) = (
            self.take("MODULE_N_HOST"),
            self.parsed::<u16>("MODULE_N_PORT"),
        );
        if host.is_none() && port.is_none() {
            return;
        }
        let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
        let open = !["127.0.0.1", "localhost", "::1"].contains(&host.as_str());
        let host = if host == "localhost" {
            "127.0.0.1".to_owned()
        } else {
            host
        };
        self.put(
            "ingest",
            "listen",
            format!("{host}:{}", port.unwrap_or(8081)),
        );
        if open {
            self.put("ingest", "auth", true);
            self.note(format!(
                "MODULE_N_HOST={host}: others can reach it, so it asks for keys now (ingest.auth = true); \
                 make them with `draftwire keys create`, or listen on 127.0.0.1 behind a proxy"
            ));
        }
    }

    fn storage(&mut self) {
        if let Some(url) = self.take("DATABASE_URL") {
            let kind = url.split(':').next().unwrap_or_default().to_owned();
            self.note(format!(
                "DATABASE_URL ({kind}) was not taken over: it holds the tables of the other service. Files are kept in SQLite \
                 below data_dir; for PostgreSQL make an empty database and set ingest.database.url"
            ));
        }
        if let Some(folder) = self.take("UPLOAD_FOLDER") {
            self.put("ingest.storage", "url", folder);
            self.note("UPLOAD_FOLDER: files that lie there already stay and are not looked at; upload them to have them on record".to_owned());
        }
        if let Some(bytes) = self.parsed::<i64>("MAX_UPLOAD_SIZE") {
            self.put("ingest", "request_body_bytes_max", bytes);
            for kind in [
                "dxf", "lbrn2", "pdf", "excel", "image", "svg", "text", "word", "zip",
            ] {
                self.put("ingest.limits", &format!("{kind}_bytes_max"), bytes);
            }
        }
    }

    fn subscription(&mut self) {
        const TABLE: &str = "ingest.delivery.subscriptions.laser-os";
        if let Some(enabled) = self.take("WEBHOOK_ENABLED") {
            let enabled = ["true", "1", "yes", "on"].contains(&enabled.to_lowercase().as_str());
            self.put("ingest.delivery", "enabled", enabled);
        }
        let secret = self.take("WEBHOOK_SECRET");
        let timeout: Option<i64> = self.parsed("LASER_OS_TIMEOUT");
        let events = self.take("WEBHOOK_ENABLED_EVENTS");
        let (attempts, delay) = (
            self.parsed("WEBHOOK_RETRY_ATTEMPTS"),
            self.parsed("WEBHOOK_RETRY_DELAY"),
        );
        let Some(url) = self.take("LASER_OS_WEBHOOK_URL") else {
            if secret.is_some() || events.is_some() {
                self.note(format!(
                    "there is no LASER_OS_WEBHOOK_URL, so no subscription {SUBSCRIPTION:?} was made"
                ));
            }
            return;
        };
        self.near(&url);
        self.put(TABLE, "url", url);
        self.put(TABLE, "profile", "module-n");
        let events = events.unwrap_or_default();
        let events: Vec<String> = events
            .split(',')
            .map(|name| {
                name.trim_matches(|c: char| c.is_whitespace() || "[]\"'".contains(c))
                    .to_owned()
            })
            .filter(|name| !name.is_empty())
            .collect();
        if !events.is_empty() {
            self.put(TABLE, "events", events);
        }
        match secret {
            Some(secret) => self.put(TABLE, "secret", secret),
            None => self.note(
                "there was no WEBHOOK_SECRET: one is made, and the receiver must know it"
                    .to_owned(),
            ),
        }
        if let Some(seconds) = timeout {
            self.put(TABLE, "timeout_seconds", seconds.clamp(1, 300));
        }
        if attempts.is_some_and(|attempts: u32| attempts < 2) {
            self.note("WEBHOOK_RETRY_ATTEMPTS: every delivery is tried at least twice".to_owned());
        }
        self.put(TABLE, "retry_schedule", schedule(attempts, delay));
    }

    /// Plain http and addresses that are not public must be allowed by name.
    fn near(&mut self, url: &str) {
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = host.split(['/', '?']).next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _port)| host);
        let loopback = ["127.0.0.1", "localhost"].contains(&host);
        if loopback || url.starts_with("https://") && host.parse::<std::net::IpAddr>().is_err() {
            return;
        }
        let usual = ["127.0.0.0/8", "::1/128"].map(str::to_owned).to_vec();
        match host.parse::<std::net::Ipv4Addr>() {
            Ok(address) => {
                let mut networks = usual;
                networks.push(format!("{address}/32"));
                self.put("ingest.delivery", "allow_networks", networks);
            }
            Err(_name) => self.note(format!(
                "LASER_OS_WEBHOOK_URL: plain http to {host} needs its network in ingest.delivery.allow_networks"
            )),
        }
    }

    fn reading(&mut self) {
        if let Some(languages) = self.take("TESSERACT_LANGUAGES") {
            self.put("ingest.extraction", "ocr_languages", languages);
        }
        if let Some(threshold) = self.parsed::<f64>("CONFIDENCE_THRESHOLD") {
            self.put("ingest.extraction", "confidence_threshold", threshold);
        }
    }

    fn log(&mut self) {
        if let Some(level) = self.take("LOG_LEVEL") {
            let level = match level.to_lowercase().as_str() {
                "critical" | "fatal" => "error".to_owned(),
                "warning" => "warn".to_owned(),
                other => other.to_owned(),
            };
            self.put("log", "level", format!("{level},access=warn"));
        }
        if let Some(file) = self.take("LOG_FILE") {
            self.note(format!("LOG_FILE={file} was not taken over: logs go to standard error, and systemd keeps them"));
        }
    }
}

/// `doubling` when it is the usual one, else the waits: one less than attempts, each twice the one before.
fn schedule(attempts: Option<u32>, delay: Option<u64>) -> String {
    let attempts = attempts.unwrap_or(ATTEMPTS_USUAL).clamp(1, ATTEMPTS_MAX);
    let delay = delay.unwrap_or(DELAY_USUAL).max(1);
    if (attempts, delay) == (ATTEMPTS_USUAL, DELAY_USUAL) {
        return "doubling".to_owned();
    }
    let waits = (0..attempts.max(2) - 1).map(|number| delay.saturating_mul(1 << number));
    let waits: Vec<String> = waits.map(|wait| wait.min(86_400).to_string()).collect();
    waits.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
        # the old service
        export MODULE_N_PORT=9001
        MODULE_N_HOST=0.0.0.0
        DATABASE_URL=postgresql://u:p@h/module_n
        UPLOAD_FOLDER="/srv/files" # theirs
        MAX_UPLOAD_SIZE=52428800
        LASER_OS_WEBHOOK_URL=http://10.0.0.5:8080/webhooks/module-n/event
        LASER_OS_TIMEOUT=30
        WEBHOOK_ENABLED=true
        WEBHOOK_RETRY_ATTEMPTS=4
        WEBHOOK_RETRY_DELAY=2
        WEBHOOK_SECRET='the shared one'
        WEBHOOK_ENABLED_EVENTS=file.processed, file.failed
        TESSERACT_LANGUAGES=eng+afr
        CONFIDENCE_THRESHOLD=0.8
        LOG_LEVEL=WARNING
        LOG_FILE=/var/log/module_n.log
        COLOUR=blue
        EMPTY=
    "#;

    #[test]
    fn every_setting_is_taken_over_or_named() {
        let imported = import(OLD);
        let toml: toml::Value = toml::from_str(&imported.toml).unwrap();
        let at = |path: &str| {
            path.split('.')
                .fold(&toml, |value, key| &value[key])
                .clone()
        };
        for (path, expected) in [
            ("ingest.listen", "0.0.0.0:9001"),
            ("ingest.storage.url", "/srv/files"),
            (
                "ingest.delivery.subscriptions.laser-os.secret",
                "the shared one",
            ),
            ("ingest.delivery.subscriptions.laser-os.profile", "module-n"),
            (
                "ingest.delivery.subscriptions.laser-os.retry_schedule",
                "2, 4, 8",
            ),
            ("ingest.extraction.ocr_languages", "eng+afr"),
            ("log.level", "warn,access=warn"),
        ] {
            assert_eq!(at(path).as_str(), Some(expected), "{path}");
        }
        assert_eq!(
            at("ingest.limits.dxf_bytes_max").as_integer(),
            Some(52_428_800)
        );
        assert_eq!(at("ingest.auth").as_bool(), Some(true));
        assert_eq!(
            at("ingest.delivery.allow_networks")
                .as_array()
                .unwrap()
                .len(),
            3
        );
        let notes = imported.notes.join("\n");
        for named in [
            "DATABASE_URL",
            "MODULE_N_HOST",
            "LOG_FILE",
            "UPLOAD_FOLDER",
            "COLOUR is not known",
            "EMPTY",
        ] {
            assert!(notes.contains(named), "{named} is not in {notes}");
        }
        assert!(
            !notes.contains("p@h") && !notes.contains("shared"),
            "{notes}"
        );
    }

    #[test]
    fn schedules_are_those_of_the_old_service() {
        for (attempts, delay, expected) in [
            (None, None, "doubling"),
            (Some(3), Some(5), "doubling"),
            (Some(5), Some(1), "1, 2, 4, 8"),
            (Some(1), None, "5"),
            (Some(1000), Some(80_000), "80000"),
        ] {
            let schedule = schedule(attempts, delay);
            assert!(schedule.starts_with(expected), "{schedule}");
        }
        assert_eq!(import("").notes, [""; 0]);
        let broken = import("MODULE_N_PORT=many\nWEBHOOK_SECRET=x");
        assert_eq!(broken.notes.len(), 2, "{broken:?}");
        assert!(!broken.toml.contains("laser-os"));
    }
}
