//! Event type names and the patterns that select them. Must never know which types exist: that is the catalogue's.

use std::borrow::Cow;
use std::fmt;

/// Longest event type name, bytes.
pub const EVENT_TYPE_BYTES_MAX: usize = 100;

/// A text that is no event type, or no pattern of event types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// Longer than [`EVENT_TYPE_BYTES_MAX`].
    #[error("an event type has at most {EVENT_TYPE_BYTES_MAX} characters")]
    TooLong,
    /// Not dotted lower-case words.
    #[error(
        "an event type is lower-case words joined by full stops, like `file.processed`: \
         each word begins with a letter and holds letters, digits and underscores"
    )]
    Form,
    /// Neither an event type, nor `*`, nor `word.*`.
    #[error(
        "a pattern is an event type, `*`, or the beginning of event types and `.*`, like `file.*`"
    )]
    Pattern,
}

/// The name of an event type: dotted lower-case words, `file.processed`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Cow<'static, str>);

impl EventType {
    /// The type of a probe, a user's test delivery. Every profile carries it; the catalogue does not list it.
    pub const PROBE: Self = Self::shipped("webhook.test");

    /// # Errors
    /// [`EventTypeError`] saying the accepted form.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        check(text)?;
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    /// A name known to be well formed, because it stands in this crate and a test parses it.
    pub(crate) const fn shipped(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first full stop: `sales_order` of `sales_order.created`.
    #[must_use]
    pub fn first_word(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(word, _)| word)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which event types a subscription wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypePattern {
    /// `*`: every type.
    Any,
    /// `file.*`: every type that begins so; holds `file.`, the full stop included.
    Under(String),
    /// One type.
    Exact(EventType),
}

impl TypePattern {
    /// # Errors
    /// [`EventTypeError`] saying the accepted form.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        match text.strip_suffix('*') {
            None => EventType::parse(text).map(Self::Exact),
            Some("") => Ok(Self::Any),
            Some(under) => {
                let words = under.strip_suffix('.').ok_or(EventTypeError::Pattern)?;
                check(words)?;
                Ok(Self::Under(under.to_owned()))
            }
        }
    }

    /// Whether an event of this type is wanted.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::Any => true,
            Self::Under(beginning) => event_type.as_str().starts_with(beginning.as_str()),
            Self::Exact(exact) => exact == event_type,
        }
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Under(beginning) => write!(f, "{beginning}*"),
            Self::Exact(exact) => exact.fmt(f),
        }
    }
}

fn check(text: &str) -> Result<(), EventTypeError> {
    if text.len() > EVENT_TYPE_BYTES_MAX {
        return Err(EventTypeError::TooLong);
    }
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    text.split('.')
        .all(word)
        .then_some(())
        .ok_or(EventTypeError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dotted_lower_case_words() {
        for text in [
            "file.processed",
            "purchase_received",
            "a.b2.c_3",
            "webhook.test",
        ] {
            assert_eq!(EventType::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            ".",
            "file.",
            ".file",
            "File.processed",
            "file processed",
            "file.2d",
            "é.a",
            "file.*",
        ] {
            assert_eq!(EventType::parse(text), Err(EventTypeError::Form), "{text}");
        }
        assert_eq!(
            EventType::parse(&"a".repeat(101)),
            Err(EventTypeError::TooLong)
        );
        assert_eq!(EventType::PROBE.first_word(), "webhook");
    }

    #[test]
    fn patterns_select_types() {
        let matching = |pattern: &str, name: &str| {
            let pattern = TypePattern::parse(pattern).unwrap();
            pattern.matches(&EventType::parse(name).unwrap())
        };
        assert!(matching("*", "file.processed"));
        assert!(matching("file.*", "file.processed"));
        assert!(matching("file.processed", "file.processed"));
        assert!(!matching("file.*", "files.processed"));
        assert!(!matching("file.*", "file"));
        assert!(!matching("file.processed", "file.processed_late"));
        for text in ["file*", "**", "*.created", ".*", "file.*.x"] {
            assert!(TypePattern::parse(text).is_err(), "{text}");
        }
        assert_eq!(TypePattern::parse("file.*").unwrap().to_string(), "file.*");
    }
}
