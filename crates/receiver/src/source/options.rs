//! How a source sends, as settings and the API say it, judged as a whole. Must never show a secret.

use std::fmt;

use contract::{BodySignature, ForeignSender, Profile, PublicKey, Secret, VerifyingKey, parse_ms};
use serde::{Deserialize, Serialize};
use service::Network;

use super::{Format, Key};

/// Most keys of a source.
pub(crate) const KEYS_MAX: usize = 16;
/// Most networks of a source.
const NETWORKS_MAX: usize = 64;
/// Longest tolerance: a day.
const TOLERANCE_SECONDS_MAX: u32 = 86_400;

/// Everything about a source but its name and keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SourceOptions {
    /// Form of its requests.
    pub profile: String,
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
    /// Longest body; 0: as `receiver.body_bytes_max`.
    pub body_bytes_max: usize,
    /// What becomes of an event for a project that does not exist.
    pub unknown_project: UnknownProject,
}

/// What becomes of an event for a project that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// An option that cannot be used, or two that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub field: &'static str,
    /// The other of two that contradict each other.
    pub other: Option<&'static str>,
    pub reason: String,
}

impl Unusable {
    pub(crate) fn new(field: &'static str, reason: impl fmt::Display) -> Self {
        Self {
            field,
            other: None,
            reason: reason.to_string(),
        }
    }

    fn both(field: &'static str, other: &'static str, reason: &str) -> Self {
        Self {
            other: Some(other),
            ..Self::new(field, reason)
        }
    }
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            profile: Profile::default().name().to_owned(),
            tolerance_seconds: 300,
            allow_unsigned: false,
            body_only_signature: false,
            legacy_sorted_signature: false,
            unsigned_ids: false,
            allow_networks: Vec::new(),
            body_bytes_max: 0,
            unknown_project: UnknownProject::Keep,
        }
    }
}

impl SourceOptions {
    pub(crate) fn format(&self) -> Result<Format, Unusable> {
        let foreign = [ForeignSender::GitHub, ForeignSender::Stripe];
        if let Some(sender) = foreign.into_iter().find(|one| one.name() == self.profile) {
            return Ok(Format::Foreign(sender));
        }
        let profile = self.profile.parse().map(Format::Wire);
        profile.map_err(|error| Unusable::new("profile", format!("{error}, github, stripe")))
    }

    pub(crate) fn networks(&self) -> Result<Vec<Network>, Unusable> {
        let unusable = |reason: String| Unusable::new("allow_networks", reason);
        if self.allow_networks.len() > NETWORKS_MAX {
            return Err(unusable(format!("at most {NETWORKS_MAX}")));
        }
        let network = |text: &String| {
            Network::parse(text)
                .ok_or_else(|| unusable(format!("`{text}` is no network such as 10.0.0.0/8")))
        };
        self.allow_networks.iter().map(network).collect()
    }

    pub(crate) fn body_signature(&self) -> BodySignature {
        match (self.body_only_signature, self.legacy_sorted_signature) {
            (_, true) => BodySignature::AcceptedSorted,
            (true, false) => BodySignature::Accepted,
            (false, false) => BodySignature::Refused,
        }
    }

    /// Whether the options can hold together; `keys` is how many keys there are.
    pub(crate) fn check(&self, keys: usize, body_bytes_max: usize) -> Result<(), Unusable> {
        let format = self.format()?;
        self.networks()?;
        if keys == 0 && !self.allow_unsigned {
            let reason = "without a secret or public key nothing it sends can be accepted";
            return Err(Unusable::both("secrets", "allow_unsigned", reason));
        }
        let signs_body = matches!(format, Format::Wire(profile) if profile.has_body_signature());
        if (self.body_only_signature || self.legacy_sorted_signature) && !signs_body {
            let reason = "requests of this profile are always signed in the profile's own way";
            return Err(Unusable::both("body_only_signature", "profile", reason));
        }
        if self.unsigned_ids && format != Format::Foreign(ForeignSender::GitHub) {
            let reason = "only requests of profile github carry an id that is not signed";
            return Err(Unusable::both("unsigned_ids", "profile", reason));
        }
        if self.tolerance_seconds > TOLERANCE_SECONDS_MAX {
            let reason = format!("at most {TOLERANCE_SECONDS_MAX}");
            return Err(Unusable::new("tolerance_seconds", reason));
        }
        if self.body_bytes_max > body_bytes_max {
            let reason = format!("at most receiver.body_bytes_max, which is {body_bytes_max}");
            return Err(Unusable::new("body_bytes_max", reason));
        }
        Ok(())
    }
}

/// A key as settings write it: the key, then ` not_before=<time>` and ` not_after=<time>` where it has them.
pub(crate) fn key(kind: KeyKind, text: &str) -> Result<Key, Unusable> {
    let (mut rest, mut not_before_ms, mut not_after_ms) = (text.trim(), None, None);
    while let Some((before, last)) = rest.rsplit_once(' ') {
        let (limit, time) = match last.split_once('=') {
            Some(("not_before", time)) => (&mut not_before_ms, time),
            Some(("not_after", time)) => (&mut not_after_ms, time),
            _ => break,
        };
        *limit = Some(parse_ms(time).map_err(|error| Unusable::new(kind.field(), error))?);
        rest = before.trim_end();
    }
    Key::parse(kind, rest, not_before_ms, not_after_ms)
}

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Secret,
    PublicKey,
}

impl KeyKind {
    /// The number in the database; it never changes its meaning.
    pub(crate) const fn to_db(self) -> i16 {
        match self {
            Self::Secret => 1,
            Self::PublicKey => 2,
        }
    }

    pub(crate) const fn from_db(number: i16) -> Self {
        match number {
            1 => Self::Secret,
            _ => Self::PublicKey,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::PublicKey => "public_key",
        }
    }

    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::PublicKey => "public_keys",
        }
    }

    pub(crate) fn parse(self, text: &str) -> Result<VerifyingKey, Unusable> {
        let parsed = match self {
            Self::Secret => Secret::parse(text).map(VerifyingKey::Hmac),
            Self::PublicKey => PublicKey::parse(text).map(VerifyingKey::Ed25519),
        };
        parsed.map_err(|error| Unusable::new(self.field(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_say_from_when_till_when_it_holds() {
        let plain = key(KeyKind::Secret, "It's a Secret to Everybody").unwrap();
        assert_eq!((plain.not_before_ms, plain.not_after_ms), (None, None));
        let limited = "12345678 not_before=2026-01-01 not_after=2026-01-01T00:00:01Z";
        let limited = key(KeyKind::Secret, limited).unwrap();
        let begin = limited.not_before_ms.unwrap();
        assert_eq!(limited.not_after_ms, Some(begin + 1000));
        assert!(limited.holds(begin) && limited.holds(begin + 999));
        assert!(!limited.holds(begin - 1) && !limited.holds(begin + 1000));
        for text in [
            "short",
            "12345678 not_after=soon",
            "whsec_x not_after=2026-01-01",
        ] {
            assert_eq!(key(KeyKind::Secret, text).unwrap_err().field, "secrets");
        }
    }

    #[test]
    fn options_that_contradict_each_other_are_named() {
        let options = SourceOptions::default;
        let cases = [
            (options(), 0, "secrets"),
            (
                SourceOptions {
                    profile: "odd".to_owned(),
                    ..options()
                },
                1,
                "profile",
            ),
            (
                SourceOptions {
                    profile: "github".to_owned(),
                    legacy_sorted_signature: true,
                    ..options()
                },
                1,
                "body_only_signature",
            ),
            (
                SourceOptions {
                    unsigned_ids: true,
                    ..options()
                },
                1,
                "unsigned_ids",
            ),
            (
                SourceOptions {
                    allow_networks: vec!["here".to_owned()],
                    ..options()
                },
                1,
                "allow_networks",
            ),
            (
                SourceOptions {
                    body_bytes_max: 101,
                    ..options()
                },
                1,
                "body_bytes_max",
            ),
        ];
        for (options, keys, field) in cases {
            assert_eq!(options.check(keys, 100).unwrap_err().field, field);
        }
        assert_eq!(options().check(1, 100), Ok(()));
    }
}
