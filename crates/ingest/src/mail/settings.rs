//! The `[ingest.mail]` section.

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;
use serde::Deserialize;
use service::SecretText;

/// The section as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSection {
    pub server: String,
    pub tls: TlsMode,
    pub ca_file: String,
    pub user: String,
    pub password: SecretText,
    pub from: String,
    pub to: Vec<String>,
    pub interval_seconds: u64,
    pub lines_max: usize,
    pub summary_at: String,
    pub timeout_seconds: u64,
}

/// How the connection to the mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Begun in the clear and turned into TLS before anything is said (port 587).
    Starttls,
    /// From the first byte (port 465).
    Wrapped,
    /// Not at all; this machine only.
    None,
}

/// Why mail cannot be sent as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    #[error("ingest.mail.{key}: {cause}")]
    Key { key: &'static str, cause: String },
}

/// Mail that is switched on.
#[derive(Debug, Clone, PartialEq)]
pub struct MailSettings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: TlsMode,
    /// Of authorities trusted beside the machine's, PEM.
    pub(super) authorities: Vec<u8>,
    pub(super) user: String,
    pub(super) password: SecretText,
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
    pub(super) interval: Duration,
    pub(super) lines_max: usize,
    /// Minutes after midnight, UTC.
    pub(super) summary_at: Option<u16>,
    pub(super) timeout: Duration,
}

fn fault(key: &'static str, cause: impl Into<String>) -> MailFault {
    let cause = cause.into();
    MailFault::Key { key, cause }
}

impl MailSection {
    /// `None` when there is no server: then nothing is sent.
    ///
    /// # Errors
    /// [`MailFault`] names the key; never a password.
    pub fn settings(&self) -> Result<Option<MailSettings>, MailFault> {
        let server = self.server.trim();
        if server.is_empty() {
            return Ok(None);
        }
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) => {
                let port = port
                    .parse()
                    .map_err(|_no_port| fault("server", "write host or host:port"))?;
                (host, port)
            }
            None => (server, self.tls.port()),
        };
        let near = host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback());
        if self.tls == TlsMode::None && !near {
            return Err(fault(
                "tls",
                "without TLS mail goes to this machine only: use starttls or wrapped",
            ));
        }
        let mailbox = |key: &'static str, text: &str| {
            let parsed: Result<Mailbox, _> = text.trim().parse();
            parsed.map_err(|cause| fault(key, format!("{text:?} is no address: {cause}")))
        };
        if self.to.is_empty() {
            return Err(fault("to", "name at least one address, or no server"));
        }
        for (key, value) in [
            ("interval_seconds", self.interval_seconds),
            ("timeout_seconds", self.timeout_seconds),
        ] {
            if value == 0 {
                return Err(fault(key, "must be at least 1"));
            }
        }
        Ok(Some(MailSettings {
            host: host.to_owned(),
            port,
            tls: self.tls,
            authorities: self.authorities()?,
            user: self.user.clone(),
            password: self.password.clone(),
            from: mailbox("from", &self.from)?,
            to: self
                .to
                .iter()
                .map(|to| mailbox("to", to))
                .collect::<Result<_, _>>()?,
            interval: Duration::from_secs(self.interval_seconds),
            lines_max: self.lines_max,
            summary_at: minutes(&self.summary_at)?,
            timeout: Duration::from_secs(self.timeout_seconds),
        }))
    }
}

impl MailSection {
    fn authorities(&self) -> Result<Vec<u8>, MailFault> {
        let path = self.ca_file.trim();
        if path.is_empty() {
            return Ok(Vec::new());
        }
        let read = std::fs::read(path);
        let pem = read.map_err(|cause| fault("ca_file", format!("{path}: {cause}")))?;
        match Certificate::from_pem(&pem) {
            Ok(_) if pem.windows(CERTIFICATE.len()).any(|w| w == CERTIFICATE) => Ok(pem),
            _ => Err(fault(
                "ca_file",
                format!("{path} holds no certificate (PEM)"),
            )),
        }
    }
}

/// How each one begins (RFC 7468, section 5).
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

impl TlsMode {
    const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Wrapped => 465,
            Self::None => 25,
        }
    }
}

/// `07:30` is 450 minutes.
fn minutes(text: &str) -> Result<Option<u16>, MailFault> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = || {
        let (hours, minutes) = text.trim().split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    read()
        .map(Some)
        .ok_or_else(|| fault("summary_at", "write a time of day, UTC, as in 06:30"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> MailSection {
        MailSection {
            server: "mail.example.com".into(),
            tls: TlsMode::Starttls,
            ca_file: String::new(),
            user: "shop".into(),
            password: "hunter2".to_owned().into(),
            from: "draftwire <draftwire@example.com>".into(),
            to: vec!["foreman@example.com".into()],
            interval_seconds: 900,
            lines_max: 50,
            summary_at: "06:30".into(),
            timeout_seconds: 30,
        }
    }

    #[test]
    fn mail_is_off_without_a_server_and_wrong_settings_are_named() {
        let off = MailSection {
            server: String::new(),
            to: Vec::new(),
            ..section()
        };
        assert_eq!(off.settings(), Ok(None));
        let on = section().settings().unwrap().unwrap();
        assert_eq!((on.port, on.summary_at), (587, Some(390)));
        assert!(!format!("{on:?}").contains("hunter2"));
        let broken = |change: &dyn Fn(&mut MailSection)| {
            let mut section = section();
            change(&mut section);
            section.settings().unwrap_err().to_string()
        };
        for (error, key) in [
            (broken(&|mail| mail.server = "host:many".into()), "server"),
            (broken(&|mail| mail.tls = TlsMode::None), "tls"),
            (
                broken(&|mail| mail.ca_file = "/nowhere.pem".into()),
                "ca_file",
            ),
            (broken(&|mail| mail.ca_file = file!().into()), "ca_file"),
            (broken(&|mail| mail.from = "nobody".into()), "from"),
            (broken(&|mail| mail.to = Vec::new()), "to"),
            (broken(&|mail| mail.to = vec!["a b".into()]), "to"),
            (
                broken(&|mail| mail.summary_at = "24:00".into()),
                "summary_at",
            ),
            (
                broken(&|mail| mail.interval_seconds = 0),
                "interval_seconds",
            ),
        ] {
            assert!(
                error.starts_with(&format!("ingest.mail.{key}: ")),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
