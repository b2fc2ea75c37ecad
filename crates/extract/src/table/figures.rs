//! Figures as tables have them: numbers as text with decimal commas or thousands apart, lengths with units and
//! fractions, counts, sides in one cell. It must never read a figure that is half something else.

use super::{Cell, meaning};

/// Which of comma and point is the decimal mark, as far as the other figures tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    Comma,
    Point,
    Unknown,
}

impl Decimal {
    /// What the figures of a table agree on.
    pub(super) fn of<'c>(cells: impl Iterator<Item = &'c str>) -> Self {
        let (mut comma, mut point) = (false, false);
        for text in cells {
            let figure = text.trim_matches(|c: char| !c.is_ascii_digit());
            if !figure
                .chars()
                .all(|c| c.is_ascii_digit() || ",. ".contains(c))
            {
                continue;
            }
            match (figure.rfind(','), figure.rfind('.')) {
                (Some(c), Some(p)) if c > p => comma = true,
                (Some(_), Some(_)) => point = true,
                (Some(at), None) if !is_thousand(figure, at) => comma = true,
                (None, Some(at)) if !is_thousand(figure, at) => point = true,
                _ => {}
            }
        }
        match (comma, point) {
            (true, false) => Self::Comma,
            (false, true) => Self::Point,
            _ => Self::Unknown,
        }
    }
}

/// Whether the mark may as well set thousands apart: three digits behind it, one to three before, no leading zero.
fn is_thousand(figure: &str, at: usize) -> bool {
    let (before, behind) = figure.split_at_checked(at).unwrap_or((figure, ""));
    behind.len() == 4 && (1..=3).contains(&before.len()) && !before.starts_with('0')
}

/// A figure of digits, blanks and marks; no sign, no exponent.
pub(super) fn number(text: &str, decimal: Decimal) -> Option<f64> {
    let blank = |c: char| c == ' ' || c == '\u{a0}' || c == '\u{202f}' || c == '\'' || c == '’';
    let figure: String = text.trim().chars().filter(|&c| !blank(c)).collect();
    let digits = figure.bytes().filter(u8::is_ascii_digit).count();
    let marks = figure.bytes().filter(|b| matches!(b, b',' | b'.')).count();
    if digits == 0 || digits + marks != figure.len() || digits > 18 {
        return None;
    }
    // A blank sets thousands apart, or it stands between two figures.
    let groups: Vec<_> = text.trim().split(blank).collect();
    let inner = groups.iter().skip(1);
    if !inner
        .map(|group| group.split([',', '.']).next())
        .all(|g| g.is_some_and(|g| g.len() == 3))
    {
        return None;
    }
    let (last, mark) = match figure.rfind([',', '.']) {
        Some(at) => (at, figure.get(at..=at).unwrap_or_default()),
        None => return figure.parse().ok(),
    };
    let again = figure.matches(mark).count() > 1;
    let thousands = match decimal {
        _ if again => true,
        _ if marks > 1 || !is_thousand(&figure, last) => false,
        Decimal::Comma => mark == ".",
        Decimal::Point | Decimal::Unknown => mark == ",",
    };
    let plain = |text: &str| text.replace([',', '.'], "");
    match thousands {
        true if again && marks > figure.matches(mark).count() => None,
        true => plain(&figure).parse().ok(),
        false => {
            let (whole, part) = figure.split_at_checked(last)?;
            let part = part.get(1..).unwrap_or_default();
            format!("{}.{part}", plain(whole)).parse().ok()
        }
    }
}

/// Whether nothing tells if a comma is the decimal mark: `1,500`.
pub(super) fn is_ambiguous(cell: &Cell, decimal: Decimal) -> bool {
    let Cell::Text(text) = cell else { return false };
    let figure = text.trim_matches(|c: char| !c.is_ascii_digit());
    let comma = figure
        .find(',')
        .filter(|_| figure.matches(['.', ',']).count() == 1);
    decimal == Decimal::Unknown && comma.is_some_and(|at| is_thousand(figure, at))
}

/// A length in mm: a figure with its own unit, or else in the column's.
pub(super) fn length_mm(cell: &Cell, unit_mm: f64, decimal: Decimal) -> Option<f64> {
    let mm = match cell {
        Cell::Number(number) => number * unit_mm,
        Cell::Text(text) => {
            let (figure, unit) = split_unit(text)?;
            let value = fraction(figure).or_else(|| number(figure, decimal))?;
            value * unit.unwrap_or(unit_mm)
        }
        _ => return None,
    };
    (mm.is_finite() && mm > 0.0).then(|| rounded(mm))
}

/// Without the noise of a conversion: to a millionth of a millimetre.
fn rounded(mm: f64) -> f64 {
    match mm < 1e9 {
        true => (mm * 1e6).round() / 1e6,
        false => mm,
    }
}

/// A figure and the unit behind it; nothing when other words are there.
fn split_unit(text: &str) -> Option<(&str, Option<f64>)> {
    let text = text.trim().trim_start_matches(['±', '~']).trim_start();
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (figure, behind) = text.split_at_checked(end)?;
    let behind = behind.trim().trim_start_matches('-');
    let unit = match behind {
        "" | "," | "." => None,
        word => Some(meaning::unit_mm(word)?),
    };
    Some((figure, unit))
}

/// `1/4`, `1 1/2`, `1-1/2`.
fn fraction(text: &str) -> Option<f64> {
    let (head, below) = text.split_once('/')?;
    let head = head.trim_end();
    let (whole, above) = head.rsplit_once([' ', '-']).unwrap_or(("0", head));
    let figure = |text: &str| {
        let digits = text.trim();
        let short = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<f64>().ok().filter(|_| short)
    };
    let (whole, above, below) = (figure(whole)?, figure(above)?, figure(below)?);
    (below > 0.0).then(|| whole + above / below)
}

/// Words that count things, behind a figure.
const COUNTED: [&str; 16] = [
    "off", "of", "x", "pc", "pcs", "pieces", "ea", "each", "no", "nos", "units", "stk", "stück",
    "st", "stuks", "set",
];

/// A count as written: `4`, `x4`, `4 off`, `1 000`; 1 to 1,000,000.
pub(super) fn count(cell: &Cell, decimal: Decimal) -> Option<u32> {
    let value = match cell {
        Cell::Number(number) => *number,
        Cell::Text(text) => {
            let text = text.trim().to_lowercase();
            let text = text.trim_end_matches('.');
            let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
            let start = text.find(|c: char| c.is_ascii_digit())?;
            let before = text.get(..start)?.trim_matches([' ', ':', '.', '=']);
            let behind = text.get(end..)?.trim_start_matches([' ', '.', '-']);
            let known = matches!(before, "" | "x" | "qty" | "quantity")
                && (behind.is_empty() || COUNTED.contains(&behind));
            number(text.get(start..end).filter(|_| known)?, decimal)?
        }
        _ => return None,
    };
    let whole = value.fract() == 0.0 && (1.0..=1_000_000.0).contains(&value);
    whole.then(|| format!("{value}").parse().ok()).flatten()
}

/// Sides in one cell, the unit behind the last one for all: `200 x 100`, `200x100x5mm`.
pub(super) fn sides_mm(cell: &Cell, unit_mm: f64, decimal: Decimal) -> Option<Vec<f64>> {
    let Cell::Text(text) = cell else { return None };
    let sides: Vec<_> = text.split(['x', 'X', '×', '*']).collect();
    let unit = split_unit(sides.last()?)?.1.unwrap_or(unit_mm);
    let side = |side: &&str| length_mm(&Cell::text(side), unit, decimal);
    let sides: Option<Vec<f64>> = sides.iter().map(side).collect();
    sides.filter(|sides| (2..=3).contains(&sides.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decimal::{Comma, Point, Unknown};

    #[test]
    fn numbers_are_read_as_their_table_writes_them() {
        let cases = [
            ("5", Unknown, Some(5.0)),
            ("1,5", Unknown, Some(1.5)),
            ("1.5", Comma, Some(1.5)),
            ("1,500", Unknown, Some(1500.0)),
            ("1,500", Comma, Some(1.5)),
            ("1.500", Comma, Some(1500.0)),
            ("1.500", Point, Some(1.5)),
            ("0,500", Point, Some(0.5)),
            ("1,234.50", Unknown, Some(1234.5)),
            ("1.234,50", Unknown, Some(1234.5)),
            ("1 250,5", Unknown, Some(1250.5)),
            ("12 000", Unknown, Some(12000.0)),
            ("1,234,567", Unknown, Some(1_234_567.0)),
            ("1,2.3,4", Unknown, None),
            ("3 5", Unknown, None),
            ("", Unknown, None),
            (",", Unknown, None),
            ("1e3", Unknown, None),
            ("-5", Unknown, None),
            ("٥", Unknown, None),
        ];
        for (text, decimal, expected) in cases {
            assert_eq!(number(text, decimal), expected, "{text} {decimal:?}");
        }
    }

    #[test]
    fn a_table_tells_its_decimal_mark() {
        for (cells, expected) in [
            (vec!["1,5", "200"], Comma),
            (vec!["1.5", "200"], Point),
            (vec!["1,500"], Unknown),
            (vec!["R 1 234,50"], Comma),
            (vec!["1,234.5"], Point),
            (vec!["1,5", "1.5"], Unknown),
            (vec!["Plate, left. 5"], Unknown),
            (vec![], Unknown),
        ] {
            assert_eq!(Decimal::of(cells.iter().copied()), expected, "{cells:?}");
        }
    }

    #[test]
    fn lengths_carry_units_and_fractions() {
        for (text, unit, expected) in [
            ("5", 1.0, Some(5.0)),
            ("5mm", 25.4, Some(5.0)),
            ("5 mm", 25.4, Some(5.0)),
            ("12", 25.4, Some(304.8)),
            ("1/4\"", 1.0, Some(6.35)),
            ("1 1/2 in", 1.0, Some(38.1)),
            ("1-1/2\"", 1.0, Some(38.1)),
            ("0,5", 1.0, Some(0.5)),
            ("1.2 m", 1.0, Some(1200.0)),
            ("16 ga", 1.0, None),
            ("5 or 6", 1.0, None),
            ("M6", 1.0, None),
            ("0", 1.0, None),
            ("1/0", 1.0, None),
        ] {
            assert_eq!(
                length_mm(&Cell::text(text), unit, Unknown),
                expected,
                "{text}"
            );
        }
        assert_eq!(length_mm(&Cell::Number(f64::NAN), 1.0, Unknown), None);
        assert_eq!(
            sides_mm(&Cell::text("200 x 100,5 x 5mm"), 25.4, Unknown),
            Some(vec![200.0, 100.5, 5.0])
        );
        for text in ["200", "M6x20", "1x2x3x4", "200x"] {
            assert_eq!(sides_mm(&Cell::text(text), 1.0, Unknown), None, "{text}");
        }
    }

    #[test]
    fn counts_are_whole_and_alone() {
        for (text, expected) in [
            ("4", Some(4)),
            ("x4", Some(4)),
            ("X 4", Some(4)),
            ("4x", Some(4)),
            ("4 off", Some(4)),
            ("4 pcs.", Some(4)),
            ("Qty: 12", Some(12)),
            ("1 000", Some(1000)),
            ("4,0", Some(4)),
            ("12 Stk", Some(12)),
            ("0", None),
            ("2.5", None),
            ("4 x M8", None),
            ("about 4", None),
            ("", None),
            ("1000001", None),
        ] {
            assert_eq!(count(&Cell::text(text), Unknown), expected, "{text}");
        }
        assert_eq!(count(&Cell::Number(4.0), Unknown), Some(4));
        assert_eq!(count(&Cell::Number(-4.0), Unknown), None);
    }
}
