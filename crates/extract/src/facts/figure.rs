//! Thicknesses and quantities as people write them; it must never read a zero, a negative or an infinite figure.

use super::model::Diagnostic;
use super::pattern::{first_group, patterns};

patterns! {
    QUANTITY = r"(?i)^(?:x[ _]?([0-9]{1,7})|(?:qty|quantity)[.:= ]*([0-9]{1,7})|([0-9]{1,7}) ?(?:off|pcs?|ea|nos))$";
    MILLIMETRES = r"(?i)^([0-9]{1,20}(?:[.,][0-9]{1,20})?)\s*mm$";
}

/// A thickness as written, in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    pub(super) mm: f64,
    /// Written without its decimal point: `053` for 0.53.
    pub(super) restored: bool,
}

/// Reads digits with a point or comma; digits that begin with a needless 0 have lost their decimal point.
pub(super) fn measure(digits: &str) -> Option<Measure> {
    let lost = digits
        .strip_prefix('0')
        .filter(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let number: f64 = match lost {
        Some(rest) => format!("0.{rest}").parse().ok()?,
        None => digits.replace(',', ".").parse().ok()?,
    };
    let restored = lost.is_some();
    (number.is_finite() && number > 0.0).then_some(Measure {
        mm: number,
        restored,
    })
}

/// The quantity in a word of its own: `x20`, `4off`, `qty3`; 1 to 1,000,000.
pub(super) fn quantity_word(word: &str) -> Option<u32> {
    quantity(first_group(&QUANTITY, word)?)
}

/// The thickness in a word of its own with its unit: `1.2mm`, `5 mm`.
pub(super) fn millimetre_word(word: &str) -> Option<Measure> {
    measure(first_group(&MILLIMETRES, word)?)
}

/// Quantities above this are typing errors.
pub(super) const QUANTITY_MAX: u32 = 1_000_000;

/// A count in digits alone, 1 to 1,000,000.
pub(super) fn quantity(digits: &str) -> Option<u32> {
    digits
        .parse()
        .ok()
        .filter(|count| (1..=QUANTITY_MAX).contains(count))
}

/// How sure a thickness is whose decimal point had to be put back: a person should look.
pub(super) const RESTORED_CONFIDENCE: f64 = 0.65;

pub(super) fn restored(evidence: &str, mm: f64) -> Diagnostic {
    Diagnostic::warning(
        "decimal_point_restored",
        evidence,
        format!("{evidence:?} has lost its decimal point and is read as {mm} mm"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_written() {
        for (word, mm) in [
            ("5mm", 5.0),
            ("1.2MM", 1.2),
            ("1,5 mm", 1.5),
            ("053mm", 0.53),
            ("0.9mm", 0.9),
        ] {
            assert_eq!(
                millimetre_word(word).map(|measure| measure.mm),
                Some(mm),
                "{word}"
            );
        }
        for word in ["mm", "5", "0mm", "00mm", "-5mm", "5mmx", "1e3mm", "٥mm"] {
            assert!(millimetre_word(word).is_none(), "{word}");
        }
        for (word, count) in [
            ("x20", 20),
            ("X1", 1),
            ("4off", 4),
            ("Qty: 3", 3),
            ("12 pcs", 12),
        ] {
            assert_eq!(quantity_word(word), Some(count), "{word}");
        }
        for word in ["x", "x0", "x1000001", "M6x20", "4x18", "20", "xx2"] {
            assert!(quantity_word(word).is_none(), "{word}");
        }
    }
}
