//! Numbers as DXF writers spell them: `1.0` for an integer, a comma for the point, a blank for the exponent's sign.
//! Never answers a figure that is not finite.

use std::borrow::Cow;

/// A coordinate, radius or angle; nothing when the value is no finite number.
pub(super) fn real(value: &[u8]) -> Option<f64> {
    let value = value.trim_ascii();
    plain(value)
        .or_else(|| parse(value))
        .or_else(|| parse(&repaired(value)))
        .filter(|number| number.is_finite())
}

/// A flag, count or code.
pub(super) fn integer(value: &[u8]) -> Option<i64> {
    whole(real(value)?)
}

/// The nearest whole number, if doubles are that exact.
pub(super) fn whole(number: f64) -> Option<i64> {
    let whole = number.round();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within 2^53")]
    (whole.abs() <= 9.0e15).then_some(whole as i64)
}

const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Digits with at most one point, few enough that one exact division gives the nearest double.
fn plain(value: &[u8]) -> Option<f64> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut mantissa, mut decimals, mut seen_point, mut seen_digit) =
        (0_u64, 0_usize, false, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                decimals += usize::from(seen_point);
                seen_digit = true;
            }
            b'.' if !seen_point => seen_point = true,
            _ => return None,
        }
    }
    if !seen_digit || mantissa >= 1 << 53 {
        return None;
    }
    let number = mantissa as f64 / POWERS.get(decimals)?;
    Some(if negative { -number } else { number })
}

fn parse(value: &[u8]) -> Option<f64> {
    // Rust also reads `inf` and `nan`, which no writer means as a coordinate; `real` drops them.
    str::from_utf8(value).ok()?.parse().ok()
}

fn repaired(value: &[u8]) -> Cow<'_, [u8]> {
    let mut repaired = Vec::with_capacity(value.len());
    for (place, byte) in value.iter().enumerate() {
        match byte {
            b',' => repaired.push(b'.'),
            b'd' | b'D' => repaired.push(b'E'),
            b' ' if place > 0 => {}
            byte => repaired.push(*byte),
        }
    }
    Cow::Owned(repaired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_spell_numbers_in_many_ways() {
        for (text, number) in [
            ("12", 12.0),
            ("  -0.5 ", -0.5),
            ("1,25", 1.25),
            ("1.000E 20", 1e20),
            ("1E+3", 1000.0),
            ("1.5D2", 150.0),
            (".5", 0.5),
            ("7.", 7.0),
            ("+3", 3.0),
            ("131.49999999879225", 131.499_999_998_792_25),
            ("0.30000000000000004", 0.300_000_000_000_000_04),
            ("750.00006", 750.000_06),
        ] {
            assert_eq!(real(text.as_bytes()), Some(number), "{text}");
        }
        for text in [
            "", "abc", "nan", "inf", "1e999", "1.2.3", "-", ".", "1,2,3", "\u{00}",
        ] {
            assert_eq!(real(text.as_bytes()), None, "{text}");
        }
        assert_eq!(integer(b" 1.0"), Some(1));
        assert_eq!(integer(b"1e300"), None);
    }

    #[test]
    fn the_quick_way_agrees_with_the_long_one() {
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let text = format!("{}.{}", state >> 46, (state >> 20) & 0xFFF_FFFF);
            assert_eq!(real(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
