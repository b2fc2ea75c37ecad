//! The receiver's sections of the settings, judged as a whole. Must never show a secret.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use contract::{BodySignature, Profile, PublicKey, Secret, Verifier, VerifyingKey};
use db::{DatabaseSection, DatabaseSettings, WriterSettings};
use serde::Deserialize;
use service::{SecretText, ServerLimits, Settings, SettingsError};

use crate::error::StartError;

/// All that the receiver is told.
#[derive(Debug, Clone)]
pub struct ReceiverSettings {
    /// `[receiver]`.
    pub receiver: ReceiverSection,
    /// `[sources.<name>]`, by name.
    pub sources: BTreeMap<String, SourceSettings>,
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
    /// `[receiver.http]`.
    pub http: ServerLimits,
    /// `[receiver.database]`.
    pub database: DatabaseSection,
}

/// `[sources.<name>]`: a sender whose webhooks are accepted.
#[derive(Debug, Clone, Deserialize)]
pub struct SourceSettings {
    /// Form of its requests.
    pub profile: String,
    /// Shared secrets, newest first.
    pub secrets: Vec<SecretText>,
    /// ed25519 public keys.
    pub public_keys: Vec<String>,
    /// Largest difference of clocks, seconds.
    pub tolerance_seconds: u32,
    /// Accept requests without a signature.
    pub allow_unsigned: bool,
    /// Accept a signature over the body alone.
    pub body_only_signature: bool,
    /// Accept a signature over the body rewritten with sorted keys.
    pub legacy_sorted_signature: bool,
    /// What becomes of an event for a project that does not exist.
    pub unknown_project: UnknownProject,
}

/// What becomes of an event for a project that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownProject {
    /// It is applied; creating the project later links the file.
    #[default]
    Keep,
    /// It is applied and the project is created, if the code is well formed.
    Create,
    /// It is refused with 422 and kept as failed. What such a source brings about depends on whether the
    /// project was created before or after.
    Refuse,
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
            && service::refuse_open_bind("receiver", listen, false).is_err()
        {
            return Err(StartError::Settings(SettingsError::Contradiction {
                first: format!("sources.{name}.allow_unsigned"),
                second: "receiver.listen".to_owned(),
                reason: "unsigned requests are accepted on loopback only".to_owned(),
            }));
        }
        Ok(service::bind("receiver", listen)?)
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
        Self {
            profile: profile.name().to_owned(),
            secrets: vec![secret],
            public_keys: Vec::new(),
            tolerance_seconds: 300,
            allow_unsigned: false,
            body_only_signature: false,
            legacy_sorted_signature: false,
            unknown_project: UnknownProject::Keep,
        }
    }

    pub(crate) fn profile(&self, name: &str) -> Result<Profile, StartError> {
        self.profile
            .parse()
            .map_err(|error| StartError::source(name, "profile", &error))
    }

    /// The verifier of the source called `name`.
    pub(crate) fn verifier(
        &self,
        name: &str,
        body_bytes_max: usize,
    ) -> Result<Verifier, StartError> {
        self.refuse_contradictions(name)?;
        let secret = |text: &SecretText| Secret::parse(text.expose()).map(VerifyingKey::Hmac);
        let public = |text: &String| PublicKey::parse(text).map(VerifyingKey::Ed25519);
        let secrets = self
            .secrets
            .iter()
            .map(secret)
            .collect::<Result<Vec<_>, _>>();
        let publics = self
            .public_keys
            .iter()
            .map(public)
            .collect::<Result<Vec<_>, _>>();
        let mut keys = secrets.map_err(|error| StartError::source(name, "secrets", &error))?;
        keys.extend(publics.map_err(|error| StartError::source(name, "public_keys", &error))?);
        Ok(Verifier {
            keys,
            tolerance_seconds: self.tolerance_seconds,
            body_bytes_max,
            body_signature: match (self.body_only_signature, self.legacy_sorted_signature) {
                (_, true) => BodySignature::AcceptedSorted,
                (true, false) => BodySignature::Accepted,
                (false, false) => BodySignature::Refused,
            },
        })
    }

    fn refuse_contradictions(&self, name: &str) -> Result<(), StartError> {
        let contradiction = |first: &str, second: &str, reason: &str| {
            Err(StartError::Settings(SettingsError::Contradiction {
                first: format!("sources.{name}.{first}"),
                second: format!("sources.{name}.{second}"),
                reason: reason.to_owned(),
            }))
        };
        if self.secrets.is_empty() && self.public_keys.is_empty() && !self.allow_unsigned {
            let reason = "without a secret or public key nothing it sends can be accepted";
            return contradiction("secrets", "allow_unsigned", reason);
        }
        let body_only = self.body_only_signature || self.legacy_sorted_signature;
        if body_only && !self.profile(name)?.has_body_signature() {
            let reason = "requests of this profile are always signed with id and timestamp";
            return contradiction("body_only_signature", "profile", reason);
        }
        Ok(())
    }
}
