//! How numbers, sizes and times are written: with units and zones, the same on every page.

use std::borrow::Borrow;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment, as a `time` element in UTC; the page's script shows it in the reader's own zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(at) = Timestamp::from_millisecond(self.0) else {
            return f.write_str("–");
        };
        let shown = at.to_zoned(TimeZone::UTC);
        let shown = shown.strftime("%Y-%m-%d %H:%M:%S UTC");
        write!(f, "<time datetime=\"{at}\">{shown}</time>")
    }
}

impl askama::filters::HtmlSafe for Time {}

/// A number with spaces between thousands, as ISO 31-0 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub i64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        let first = digits.len() % 3;
        if self.0 < 0 {
            f.write_str("−")?;
        }
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && at % 3 == first {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl askama::filters::HtmlSafe for Count {}

/// A size in bytes, with a unit of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub i64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            ..1_000 => return write!(f, "{} B", self.0),
            1_000..1_000_000 => (1_000, "kB"),
            1_000_000..1_000_000_000 => (1_000_000, "MB"),
            _ => (1_000_000_000, "GB"),
        };
        let (whole, tenths) = (self.0 / unit, self.0 % unit * 10 / unit);
        match whole {
            ..100 => write!(f, "{whole}.{tenths} {name}"),
            _ => write!(f, "{whole} {name}"),
        }
    }
}

impl askama::filters::HtmlSafe for Bytes {}

/// A length of time in milliseconds, with the unit that suits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        match self.0 {
            ..1_000 => write!(f, "{} ms", self.0),
            1_000..60_000 => write!(f, "{}.{} s", seconds, self.0 % 1_000 / 100),
            60_000..3_600_000 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            3_600_000..86_400_000 => write!(f, "{} h {} min", seconds / 3_600, seconds / 60 % 60),
            _ => write!(f, "{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
        }
    }
}

impl askama::filters::HtmlSafe for Duration {}

/// A count, as templates have it: a value or a reference.
pub fn count(number: impl Borrow<i64>) -> Count {
    Count(*number.borrow())
}

/// A share of one as a percentage; `–` where there is none.
pub fn percent(share: Option<f64>) -> String {
    match share {
        // Not quite all must not look like all.
        Some(share) if share < 1.0 => format!("{:.1} %", (share * 1_000.0).floor() / 10.0),
        Some(_) => "100 %".to_owned(),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_their_units() {
        for (figure, text) in [
            (Bytes(999).to_string(), "999 B"),
            (Bytes(1_000).to_string(), "1.0 kB"),
            (Bytes(523_456).to_string(), "523 kB"),
            (Bytes(999_999).to_string(), "999 kB"),
            (Bytes(1_549_999).to_string(), "1.5 MB"),
            (Bytes(i64::MAX).to_string(), "9223372036 GB"),
            (Duration(999).to_string(), "999 ms"),
            (Duration(1_540).to_string(), "1.5 s"),
            (Duration(61_000).to_string(), "1 min 1 s"),
            (Duration(3_600_000).to_string(), "1 h 0 min"),
            (Duration(90_000_000).to_string(), "1 d 1 h"),
            (Count(0).to_string(), "0"),
            (Count(-1_234_567).to_string(), "−1\u{202f}234\u{202f}567"),
            (Count(100_000).to_string(), "100\u{202f}000"),
            (percent(Some(0.9999)), "99.9 %"),
            (percent(Some(1.0)), "100 %"),
            (percent(None), "–"),
        ] {
            assert_eq!(figure, text);
        }
    }

    #[test]
    fn times_carry_their_zone() {
        let time = Time(1_763_790_000_123).to_string();
        let expected = "<time datetime=\"2025-11-22T05:40:00.123Z\">2025-11-22 05:40:00 UTC</time>";
        assert_eq!(time, expected);
        assert_eq!(Time(i64::MAX).to_string(), "–");
    }
}
