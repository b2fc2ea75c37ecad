//! Timestamps of the wire: Unix milliseconds to and from RFC 3339. Must never read a clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Most characters of a wrong text that an error repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A text that is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a timestamp: write it as 2025-10-21T10:30:00.000Z")]
pub struct TimeError(String);

/// Unix milliseconds as RFC 3339 in UTC with milliseconds: `2025-10-21T10:30:00.000Z`.
/// What lies outside the years -9999 to 9999 is drawn to the nearer end.
#[must_use]
pub fn format_ms(ms: i64) -> String {
    format!("{:.3}", at(ms))
}

/// Reads RFC 3339, or the same without a zone (then UTC) or without a time (then midnight).
/// Answers Unix milliseconds, cut towards 1970.
///
/// # Errors
/// [`TimeError`] when the text is neither.
pub fn parse_ms(text: &str) -> Result<i64, TimeError> {
    let text = text.trim();
    let zoned = text.parse::<Timestamp>();
    let timestamp = zoned.or_else(|_no_zone| {
        let civil = text.parse::<DateTime>()?;
        civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    let refused = |_: jiff::Error| TimeError(text.chars().take(SHOWN_CHARS_MAX).collect());
    Ok(timestamp.map_err(refused)?.as_millisecond())
}

/// The instant for printing.
pub(crate) fn at(ms: i64) -> Timestamp {
    let nearer_end = if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_millisecond(ms).unwrap_or(nearer_end)
}

/// Serde for an optional timestamp that is a text or `null` on the wire and milliseconds in memory.
pub(crate) mod optional_ms {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    #[expect(
        clippy::ref_option,
        reason = "serde's `with` passes the field by reference"
    )]
    pub(crate) fn serialize<S: Serializer>(ms: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
        match ms {
            Some(ms) => to.serialize_str(&super::format_ms(*ms)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| super::parse_ms(&text).map_err(de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_milliseconds_and_z() {
        assert_eq!(format_ms(1_761_042_600_000), "2025-10-21T10:30:00.000Z");
        assert_eq!(format_ms(1_761_042_600_007), "2025-10-21T10:30:00.007Z");
        assert_eq!(format_ms(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_ms(i64::MAX), format_ms(i64::MAX - 1));
    }

    #[test]
    fn reads_what_senders_write() {
        for text in [
            "2025-10-21T10:30:00.000Z",
            "2025-10-21T10:30:00Z",
            "2025-10-21T10:30:00",
            "2025-10-21 10:30:00",
            "2025-10-21T12:30:00+02:00",
            "2025-10-21T10:30:00.000999",
        ] {
            assert_eq!(parse_ms(text), Ok(1_761_042_600_000), "{text}");
        }
        assert_eq!(
            parse_ms("2025-10-21T10:30:00.123456"),
            Ok(1_761_042_600_123)
        );
        assert_eq!(parse_ms("1969-12-31T23:59:59.998Z"), Ok(-2));
        for text in ["", "now", "1761042600", "2025-13-01T00:00:00Z"] {
            assert!(parse_ms(text).is_err(), "{text}");
        }
    }
}
