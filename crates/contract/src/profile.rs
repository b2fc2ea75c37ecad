//! Envelope profiles: which body and which additional headers an endpoint wants. Must never render: see `render`.

use std::fmt;
use std::str::FromStr;

use crate::event_type::{EventType, TypePattern};

/// The shape of what an endpoint receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// `{id,type,timestamp,tenant_id,origin,subject,sequence,data,metadata}`.
    #[default]
    Standard,
    /// `{event_type,timestamp,ingest_id,file_data}`; only `file.*` events and probes.
    ModuleN,
    /// `{event,resource_type,resource_id,timestamp,data,metadata}`.
    Resource,
    /// `{data,event,timestamp,webhook_id}` as canonical JSON.
    Canonical,
    /// `CloudEvents` 1.0, structured mode.
    CloudEvents,
}

/// A text that names no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a profile is one of standard, module-n, resource, canonical, cloudevents")]
pub struct UnknownProfile;

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] = [
        Self::Standard,
        Self::ModuleN,
        Self::Resource,
        Self::Canonical,
        Self::CloudEvents,
    ];

    /// The name on the wire and in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::ModuleN => "module-n",
            Self::Resource => "resource",
            Self::Canonical => "canonical",
            Self::CloudEvents => "cloudevents",
        }
    }

    /// The number in the database; it never changes its meaning.
    #[must_use]
    pub const fn to_db(self) -> i16 {
        match self {
            Self::Standard => 1,
            Self::ModuleN => 2,
            Self::Resource => 3,
            Self::Canonical => 4,
            Self::CloudEvents => 5,
        }
    }

    /// From the number in the database.
    ///
    /// # Errors
    /// [`UnknownProfile`].
    pub fn from_db(number: i16) -> Result<Self, UnknownProfile> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.to_db() == number)
            .ok_or(UnknownProfile)
    }

    /// The media type of the body.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::CloudEvents => "application/cloudevents+json",
            Self::Standard | Self::ModuleN | Self::Resource | Self::Canonical => "application/json",
        }
    }

    /// The media type of a body that is an array of events; `None` where a request holds one event only.
    #[must_use]
    pub const fn batch_content_type(self) -> Option<&'static str> {
        match self {
            Self::Standard => Some("application/json"),
            Self::CloudEvents => Some("application/cloudevents-batch+json"),
            Self::ModuleN | Self::Resource | Self::Canonical => None,
        }
    }

    /// Whether an event of this type can be rendered: `module-n` knows only `file.*` and probes.
    #[must_use]
    pub fn carries(self, event_type: &EventType) -> bool {
        self != Self::ModuleN
            || event_type.first_word() == "file"
            || *event_type == EventType::PROBE
    }

    /// Whether a subscription may ask for this pattern: it must select nothing that the profile cannot carry.
    #[must_use]
    pub fn carries_all(self, pattern: &TypePattern) -> bool {
        match pattern {
            TypePattern::Any => self != Self::ModuleN,
            TypePattern::Under(beginning) => {
                self != Self::ModuleN || beginning.starts_with("file.")
            }
            TypePattern::Exact(event_type) => self.carries(event_type),
        }
    }

    /// Whether senders of this profile may sign the body alone, without id and timestamp, where the source permits it.
    #[must_use]
    pub const fn has_body_signature(self) -> bool {
        matches!(self, Self::ModuleN | Self::Resource | Self::Canonical)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or(UnknownProfile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for profile in Profile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
            assert_eq!(Profile::from_db(profile.to_db()), Ok(profile));
        }
        assert_eq!("Standard".parse::<Profile>(), Err(UnknownProfile));
        assert_eq!(Profile::from_db(0), Err(UnknownProfile));
    }

    #[test]
    fn module_n_takes_only_file_events_and_probes() {
        let carried = |text: &str| Profile::ModuleN.carries_all(&TypePattern::parse(text).unwrap());
        assert!(carried("file.*") && carried("file.processed") && carried("webhook.test"));
        assert!(
            !carried("*")
                && !carried("invoice.*")
                && !carried("invoice.paid")
                && !carried("webhook.*")
        );
        assert!(!carried("files.added"));
        for profile in [
            Profile::Standard,
            Profile::Resource,
            Profile::Canonical,
            Profile::CloudEvents,
        ] {
            assert!(profile.carries_all(&TypePattern::Any));
        }
    }
}
