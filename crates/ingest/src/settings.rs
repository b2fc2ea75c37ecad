//! The `[ingest]` settings, as one struct per section.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::KeyText;
use console::ConsoleSettings;
use db::{DatabaseSection, DatabaseSettings, UrlError, WriterSettings};
use delivery::{Batching, DeliverySettings, SubscriptionSettings};
use extract::Kind;
use extract::facts::Rules;
use serde::Deserialize;
use service::{SecretText, ServerLimits, Settings, SettingsError, mask_credentials};

use crate::extraction_settings::ExtractionSettings;
use crate::facts_settings::{FactsFault, FactsSettings};
use crate::intake::FileRefusal;
use crate::mail::{MailFault, MailSection, MailSettings};
use crate::watch::{Folder, WatchFault, WatchSection};

/// Everything the service needs to know before it starts.
#[derive(Debug, Clone)]
pub struct IngestSettings {
    pub data_dir: PathBuf,
    pub listen: String,
    /// Base of `preview_url` and `download_url`, without a slash at its end.
    pub public_url: String,
    pub auth: bool,
    pub encryption_key: SecretText,
    pub uploads: UploadLimits,
    pub http: ServerLimits,
    pub limits: KindLimits,
    pub database: DatabaseSettings,
    pub writer: WriterSettings,
    pub files_dir: PathBuf,
    pub extraction: ExtractionSettings,
    /// How names and texts are read.
    pub rules: Arc<Rules>,
    pub delivery: DeliverySettings,
    pub subscriptions: Subscriptions,
    pub watch: Vec<Folder>,
    pub console: ConsoleSettings,
    /// All of it as it is shown, secrets masked.
    pub printed: String,
    /// None when no mail is sent.
    pub mail: Option<MailSettings>,
    pub grace_seconds: u64,
    /// What another service in this process may ask with; never in a file.
    pub lent_key: Option<KeyText>,
}

/// Bounds of one upload request.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct UploadLimits {
    /// How long an upload waits for its extraction, unless it says otherwise.
    pub wait_seconds: u64,
    pub request_body_bytes_max: u64,
    pub files_per_request_max: usize,
    pub form_field_bytes_max: usize,
    /// Time for a whole upload to arrive, and the longest pause in it.
    pub upload_seconds_max: u64,
    pub upload_pause_seconds_max: u64,
}

/// Largest file of each kind, in bytes.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct KindLimits {
    pub dxf_bytes_max: u64,
    pub lbrn2_bytes_max: u64,
    pub pdf_bytes_max: u64,
    pub excel_bytes_max: u64,
    pub image_bytes_max: u64,
    pub svg_bytes_max: u64,
    pub text_bytes_max: u64,
    pub word_bytes_max: u64,
    pub zip_bytes_max: u64,
    pub zip_entries_max: usize,
    pub zip_depth_max: u32,
    pub zip_inflated_bytes_max: u64,
    pub zip_ratio_max: u64,
    pub zip_name_bytes_max: usize,
}

impl KindLimits {
    /// Refuses more bytes than a file of this kind may have.
    pub(crate) fn hold(&self, kind: Kind, bytes: u64) -> Result<(), FileRefusal> {
        let (setting, max) = self.of(kind);
        match bytes > max {
            true => Err(FileRefusal::TooLarge {
                kind: kind.name(),
                max,
                setting,
            }),
            false => Ok(()),
        }
    }

    /// The setting's name and value for a kind.
    fn of(&self, kind: Kind) -> (&'static str, u64) {
        match kind {
            Kind::Dxf => ("ingest.limits.dxf_bytes_max", self.dxf_bytes_max),
            Kind::Lightburn => ("ingest.limits.lbrn2_bytes_max", self.lbrn2_bytes_max),
            Kind::Pdf => ("ingest.limits.pdf_bytes_max", self.pdf_bytes_max),
            Kind::Excel => ("ingest.limits.excel_bytes_max", self.excel_bytes_max),
            Kind::Image => ("ingest.limits.image_bytes_max", self.image_bytes_max),
            Kind::Svg => ("ingest.limits.svg_bytes_max", self.svg_bytes_max),
            Kind::Text => ("ingest.limits.text_bytes_max", self.text_bytes_max),
            Kind::Word => ("ingest.limits.word_bytes_max", self.word_bytes_max),
            Kind::Archive => ("ingest.limits.zip_bytes_max", self.zip_bytes_max),
        }
    }
}

/// Subscriptions by name; their secrets are never printed.
#[derive(Clone, Default)]
pub struct Subscriptions(pub Vec<SubscriptionSettings>);

impl std::fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|subscription| &subscription.name))
            .finish()
    }
}

#[derive(Deserialize)]
struct SubscriptionSection {
    url: String,
    events: Vec<String>,
    profile: String,
    secret: SecretText,
    secrets: Vec<SecretText>,
    timeout_seconds: u32,
    retry_schedule: String,
    is_active: bool,
    batch_events_max: u32,
    batch_wait_ms: u32,
    headers: BTreeMap<String, SecretText>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFault {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("ingest.database.url: {0}")]
    Url(#[from] UrlError),
    #[error(
        "ingest.storage.url = {0:?} is no folder: give a path, file:///path, or nothing for <data_dir>/files"
    )]
    Storage(String),
    #[error("ingest.extraction.kinds.{name}: no such kind of file; kinds are {known}")]
    Kind { name: String, known: String },
    #[error("{key} = {value}: {accepted}")]
    Number {
        key: String,
        value: u64,
        accepted: &'static str,
    },
    #[error(transparent)]
    Facts(#[from] FactsFault),
    #[error(transparent)]
    Watch(#[from] WatchFault),
    #[error(transparent)]
    Mail(#[from] MailFault),
}

impl IngestSettings {
    /// Reads the sections and checks them as a whole.
    ///
    /// # Errors
    /// [`SettingsFault`] names the key at fault.
    pub fn read(settings: &Settings) -> Result<Self, SettingsFault> {
        let data_dir: PathBuf = settings.section("data_dir")?;
        let listen: String = settings.section("ingest.listen")?;
        let public_url: String = settings.section("ingest.public_url")?;
        let database: DatabaseSection = settings.section("ingest.database")?;
        let storage: String = settings.section("ingest.storage.url")?;
        let extraction: ExtractionSettings = settings.section("ingest.extraction")?;
        extraction.check()?;
        let facts: FactsSettings = settings.section("ingest.facts")?;
        Ok(Self {
            auth: settings.section("ingest.auth")?,
            rules: Arc::new(facts.rules(extraction.confidence_threshold)?),
            encryption_key: settings.section("ingest.encryption_key")?,
            uploads: settings.section("ingest")?,
            http: settings.section("ingest.http")?,
            limits: settings.section("ingest.limits")?,
            writer: database.writer(),
            database: database.database(&data_dir.join("ingest.sqlite3"))?,
            files_dir: files_dir(&storage, &data_dir)?,
            extraction,
            delivery: settings.section("ingest.delivery")?,
            subscriptions: subscriptions(settings)?,
            watch: settings
                .section::<WatchSection>("ingest.watch")?
                .folders(&data_dir)?,
            console: settings.section("console")?,
            printed: settings.print(),
            mail: settings.section::<MailSection>("ingest.mail")?.settings()?,
            grace_seconds: settings.section("shutdown.grace_seconds")?,
            lent_key: None,
            public_url: match public_url.trim_end_matches('/') {
                "" => format!("http://{listen}"),
                url => url.to_owned(),
            },
            listen,
            data_dir,
        })
    }
}

fn files_dir(url: &str, data_dir: &Path) -> Result<PathBuf, SettingsFault> {
    match url.strip_prefix("file://").unwrap_or(url) {
        "" => Ok(data_dir.join("files")),
        other if other.contains("://") => Err(SettingsFault::Storage(mask_credentials(other))),
        folder => Ok(PathBuf::from(folder)),
    }
}

fn subscriptions(settings: &Settings) -> Result<Subscriptions, SettingsError> {
    let sections: BTreeMap<String, SubscriptionSection> =
        settings.section("ingest.delivery.subscriptions")?;
    let read = |(name, section): (String, SubscriptionSection)| {
        let secrets = std::iter::once(section.secret).chain(section.secrets);
        SubscriptionSettings {
            name,
            url: section.url,
            events: section.events,
            profile: section.profile,
            secrets: secrets
                .filter(|secret| !secret.is_empty())
                .map(|secret| secret.expose().to_owned())
                .collect(),
            timeout_seconds: section.timeout_seconds,
            retry_schedule: section.retry_schedule,
            is_active: section.is_active,
            batch: (section.batch_events_max != 0).then_some(Batching {
                max_events: section.batch_events_max,
                max_wait_ms: section.batch_wait_ms,
            }),
            headers: section
                .headers
                .into_iter()
                .map(|(name, value)| (name, value.expose().to_owned()))
                .collect(),
        }
    };
    Ok(Subscriptions(sections.into_iter().map(read).collect()))
}
