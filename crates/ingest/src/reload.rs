//! Settings that change while the service runs: taken up where that is safe, refused with a reason where it is not. It must
//! never apply half of a section, nor tell a value.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use service::{Settings, SettingsError};
use tokio::sync::watch;

use crate::facts_settings::FactsSettings;
use crate::live_rules::LiveRules;
use crate::settings::{IngestSettings, SettingsFault};
use crate::watch::{Folder, WatchSection};

/// Sections and keys that take effect at once.
const SAFE: [&str; 3] = ["ingest.watch.", "ingest.facts.", "log.level"];
/// Keys named in one refusal.
const KEYS_SHOWN: usize = 10;

/// Takes new settings to the running service. Clones share it.
#[derive(Clone)]
pub struct Reloader {
    pub(crate) rules: LiveRules,
    pub(crate) folders: watch::Sender<Vec<Folder>>,
    pub(crate) confidence_threshold: f64,
    pub(crate) data_dir: std::path::PathBuf,
    pub(crate) refused: Refused,
}

/// Why the settings file is not in effect as it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(Arc<Mutex<Option<String>>>);

impl Refused {
    fn reason(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For `/ready`.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &*self.reason() {
            None => json!({"state": "in effect"}),
            Some(reason) => json!({"state": "refused", "reason": reason}),
        }
    }
}

/// What became of changed settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys that are in effect now.
    pub applied: Vec<String>,
    /// Keys that need a restart.
    pub refused: Vec<String>,
}

impl Reloader {
    /// Takes up what differs between `last` and `new`; what differs from `started` and cannot be taken up is refused.
    ///
    /// # Errors
    /// When the new settings are wrong: then nothing of them is taken up.
    pub fn apply(
        &self,
        started: &Settings,
        last: &Settings,
        new: &Settings,
    ) -> Result<Reloaded, SettingsFault> {
        IngestSettings::read(new)?;
        let safe = |key: &String| SAFE.iter().any(|safe| key.starts_with(safe));
        let (applied, _): (Vec<String>, Vec<String>) =
            last.differing(new).into_iter().partition(safe);
        let (_, refused): (Vec<String>, Vec<String>) =
            started.differing(new).into_iter().partition(safe);
        let touches = |section: &str| applied.iter().any(|key| key.starts_with(section));
        if touches("ingest.facts.") {
            let facts: FactsSettings = new.section("ingest.facts")?;
            self.rules.put(facts.rules(self.confidence_threshold)?);
        }
        if touches("ingest.watch.") {
            let section: WatchSection = new.section("ingest.watch")?;
            self.folders.send_replace(section.folders(&self.data_dir)?);
        }
        *self.refused.reason() = match refused.is_empty() {
            true => None,
            false => {
                let shown: Vec<&str> = refused
                    .iter()
                    .take(KEYS_SHOWN)
                    .map(String::as_str)
                    .collect();
                Some(format!("needs a restart: {}", shown.join(", ")))
            }
        };
        Ok(Reloaded { applied, refused })
    }

    /// Notes that the file cannot be understood.
    pub fn refuse(&self, cause: &SettingsError) {
        tracing::error!(%cause, "changed settings are refused; those before stay in effect");
        self.refuse_wrong();
    }

    /// Notes that the file is wrong. The reason stays in the log: it may show a path.
    pub fn refuse_wrong(&self) {
        *self.refused.reason() = Some("the settings file is wrong: see the log".to_owned());
    }
}
