//! The receiver's sections of the settings, judged as a whole. Must never show a secret.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use client::Client;
use console::ConsoleSettings;
use contract::Profile;
use db::{DatabaseSection, DatabaseSettings, Migrations, WriterSettings};
use serde::Deserialize;
use service::{SecretText, ServerLimits, Settings, SettingsError};

use crate::error::StartError;
use crate::source::{Key, KeyKind, Sender, SourceOptions, UnknownProject, Unusable, key};
use crate::store;

/// Whose everything is that names no tenant.
const DEFAULT_TENANT_NAME: &str = "default";

/// All that the receiver is told.
#[derive(Debug, Clone)]
pub struct ReceiverSettings {
    /// `[receiver]`.
    pub receiver: ReceiverSection,
    /// `[sources.<name>]`, by name.
    pub sources: BTreeMap<String, SourceSettings>,
    /// `[console]`.
    pub console: ConsoleSettings,
    /// The whole configuration as it is shown, secrets masked.
    pub printed: String,
    /// Folder of the embedded database.
    pub data_dir: PathBuf,
    /// Time for running requests to end when stopping.
    pub grace: Duration,
}

/// `[receiver]`.
#[derive(Debug, Clone, Deserialize)]
pub struct ReceiverSection {
    /// Address and port to listen on.
    pub listen: String,
    /// Address that others reach this service under, if it is another.
    pub public_url: String,
    /// Ask for a key on every call but the webhooks.
    pub auth: bool,
    /// Longest webhook body, bytes.
    pub body_bytes_max: usize,
    /// Most events of one webhook request.
    pub batch_events_max: usize,
    /// Days for which received events are kept; 0: for ever.
    pub inbox_retention_days: u32,
    /// Minutes between two comparisons with what senders owe; 0: only when asked.
    pub reconcile_minutes: u32,
    /// File with the key that seals secrets; empty: `receiver.key` below `data_dir`.
    pub encryption_key_file: PathBuf,
    /// Pictures of design files kept in memory, bytes.
    pub picture_bytes_kept_max: usize,
    /// `[receiver.http]`.
    pub http: ServerLimits,
    /// `[receiver.database]`.
    pub database: DatabaseSection,
}

/// `[sources.<name>]`: a sender whose webhooks are accepted.
#[derive(Debug, Clone, Deserialize)]
pub struct SourceSettings {
    /// Whose events they are.
    pub tenant: String,
    /// Form of its requests.
    pub profile: String,
    /// Shared secrets, newest first; each may say ` not_before=<time>` and ` not_after=<time>` behind it.
    pub secrets: Vec<SecretText>,
    /// ed25519 public keys, written alike.
    pub public_keys: Vec<String>,
    /// Largest difference of clocks, seconds.
    pub tolerance_seconds: u32,
    /// Accept requests without a signature.
    pub allow_unsigned: bool,
    /// Accept a signature over the body alone.
    pub body_only_signature: bool,
    /// Accept a signature over the body rewritten with sorted keys.
    pub legacy_sorted_signature: bool,
    /// Tell requests that sign their body alone apart by an id that is not signed.
    pub unsigned_ids: bool,
    /// Blocks of addresses it may send from; empty: any.
    pub allow_networks: Vec<String>,
    /// Longest body, bytes; 0: as `receiver.body_bytes_max`.
    pub body_bytes_max: usize,
    /// What becomes of an event for a project that does not exist.
    pub unknown_project: UnknownProject,
    /// Where the sender answers questions about what it owes; empty: nowhere.
    pub reconcile_url: String,
    /// The key to ask with.
    pub reconcile_key: SecretText,
    /// The sender's name or id of the subscription; empty: its only one.
    pub reconcile_subscription: String,
}

impl ReceiverSettings {
    /// Reads the receiver's sections.
    ///
    /// # Errors
    /// [`SettingsError`] when a value has the wrong shape.
    pub fn load(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            receiver: settings.section("receiver")?,
            sources: settings.section("sources")?,
            console: settings.section("console")?,
            printed: settings.print(),
            data_dir: settings.section("data_dir")?,
            grace: Duration::from_secs(settings.section("shutdown.grace_seconds")?),
        })
    }

    /// Takes the address to listen on.
    ///
    /// # Errors
    /// [`StartError`] when others could reach it although no key or signature is asked for, or the system
    /// refuses it.
    pub fn bind(&self) -> Result<TcpListener, StartError> {
        let listen = &self.receiver.listen;
        service::refuse_open_bind("receiver", listen, self.receiver.auth)?;
        let unsigned = self
            .sources
            .iter()
            .find(|(_, source)| source.allow_unsigned);
        if let Some((name, _)) = unsigned
            && !self.is_loopback()
        {
            return Err(StartError::Settings(SettingsError::Contradiction {
                first: format!("sources.{name}.allow_unsigned"),
                second: "receiver.listen".to_owned(),
                reason: "unsigned requests are accepted on loopback only".to_owned(),
            }));
        }
        Ok(service::bind("receiver", listen)?)
    }

    /// Where its database is, and the migrations it should have, for whoever looks at it from beside.
    ///
    /// # Errors
    /// [`StartError::DatabaseUrl`].
    pub fn examined(&self) -> Result<(DatabaseSettings, Migrations), StartError> {
        Ok((self.database()?, store::migrations()))
    }

    /// What is wrong with who may send: the source, and why nothing it sends is accepted.
    pub fn silenced(&self, now_ms: i64) -> Vec<(String, String)> {
        let trouble = |source: &SourceSettings| match source.keys() {
            Err(unusable) => Some(format!("{}: {}", unusable.field, unusable.reason)),
            Ok(keys) if source.allow_unsigned || keys.iter().any(|key| key.holds(now_ms)) => None,
            Ok(_) => Some("none of its keys holds now".to_owned()),
        };
        let named = |(name, source): (&String, &SourceSettings)| {
            trouble(source).map(|why| (name.clone(), why))
        };
        self.sources.iter().filter_map(named).collect()
    }

    /// Whether only this machine can reach the service.
    pub(crate) fn is_loopback(&self) -> bool {
        service::refuse_open_bind("receiver", &self.receiver.listen, false).is_ok()
    }

    /// Where the key is that seals secrets.
    pub(crate) fn key_file(&self) -> PathBuf {
        match self.receiver.encryption_key_file.as_os_str().is_empty() {
            true => self.data_dir.join("receiver.key"),
            false => self.receiver.encryption_key_file.clone(),
        }
    }

    pub(crate) fn database(&self) -> Result<DatabaseSettings, StartError> {
        let file = self.data_dir.join("receiver.sqlite3");
        Ok(self.receiver.database.database(&file)?)
    }

    pub(crate) fn writer(&self) -> WriterSettings {
        self.receiver.database.writer()
    }
}

impl SourceSettings {
    /// A source of `profile` that signs with `secret`; everything else as by default.
    pub fn signed(profile: Profile, secret: SecretText) -> Self {
        let options = SourceOptions::default();
        Self {
            tenant: DEFAULT_TENANT_NAME.to_owned(),
            profile: profile.name().to_owned(),
            secrets: vec![secret],
            public_keys: Vec::new(),
            tolerance_seconds: options.tolerance_seconds,
            allow_unsigned: false,
            body_only_signature: false,
            legacy_sorted_signature: false,
            unsigned_ids: false,
            allow_networks: Vec::new(),
            body_bytes_max: 0,
            unknown_project: options.unknown_project,
            reconcile_url: String::new(),
            reconcile_key: SecretText::default(),
            reconcile_subscription: String::new(),
        }
    }

    pub(crate) fn options(&self) -> SourceOptions {
        SourceOptions {
            profile: self.profile.clone(),
            tolerance_seconds: self.tolerance_seconds,
            allow_unsigned: self.allow_unsigned,
            body_only_signature: self.body_only_signature,
            legacy_sorted_signature: self.legacy_sorted_signature,
            unsigned_ids: self.unsigned_ids,
            allow_networks: self.allow_networks.clone(),
            body_bytes_max: self.body_bytes_max,
            unknown_project: self.unknown_project,
        }
    }

    /// Where the sender answers questions. Settings alone may say: nobody who calls the service can make it
    /// ask around in the network it stands in.
    pub(crate) fn sender(&self) -> Result<Option<Sender>, Unusable> {
        let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let Some(url) = named(&self.reconcile_url) else {
            return Ok(None);
        };
        let key = named(self.reconcile_key.expose());
        let client = Client::new(&url, key.as_deref());
        let client = client.map_err(|error| Unusable::new("reconcile_url", error))?;
        Ok(Some(Sender {
            client,
            subscription: named(&self.reconcile_subscription),
        }))
    }

    pub(crate) fn keys(&self) -> Result<Vec<Key>, Unusable> {
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|text| key(KeyKind::Secret, text.expose()));
        let publics = self.public_keys.iter();
        let publics = publics.map(|text| key(KeyKind::PublicKey, text));
        secrets.chain(publics).collect()
    }
}
